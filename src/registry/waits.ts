import { STATUS_CODES } from "node:http";
import type { EventListener } from "../ports/index.js";
import { refusingAnswer } from "./answer-error.js";
import { spanText } from "./span.js";

// Nobody notices a shorter wait, and a poor line brings many of them.
const MIN_TOLD_MS = 1000;

/** Tells of waits: once for each registry and time, however many transfers wait for it. */
export class Waits {
  readonly #onEvent: EventListener;
  readonly #until = new Map<string, number>();

  constructor(onEvent: EventListener) {
    this.#onEvent = onEvent;
  }

  /** @param error - What the last try failed with. */
  tell(registry: string, error: unknown, milliseconds: number): void {
    const now = performance.now();
    if (milliseconds < MIN_TOLD_MS || now < (this.#until.get(registry) ?? 0)) return;
    this.#until.set(registry, now + milliseconds);
    const { status = 0, retryAfter = 0 } = refusingAnswer(error) ?? {};
    const span = spanText(milliseconds);
    this.#onEvent({
      type: "warning",
      text:
        retryAfter > 0
          ? `${registry} asks to wait ${span} (${`${status} ${STATUS_CODES[status] ?? ""}`.trimEnd()})`
          : `${error instanceof Error ? error.message : String(error)}; trying again in ${span}`,
    });
  }
}
