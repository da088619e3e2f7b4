import type { OperationEvent } from "../../index.js";
import type { Line } from "./lines.js";

/** The line for an event that is shown as one. */
export function eventLine(event: Extract<OperationEvent, { readonly text: string }>): Line {
  return event.type === "step" ? event.text : warningLine(event.text);
}

/** A warning as it is shown. */
export function warningLine(text: string): Line {
  return { label: "warning:", colour: "yellow", text };
}
