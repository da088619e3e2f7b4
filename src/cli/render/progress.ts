import { type CliOutput, isTerminal } from "../host.js";
import { LineWriter } from "./lines.js";
import { plainProgress } from "./plain-progress.js";
import type { ProgressView } from "./progress-view.js";

/** Bars on a terminal, plain lines elsewhere, nothing if `quiet`. */
export async function openProgress(output: CliOutput, env: NodeJS.ProcessEnv, quiet: boolean): Promise<ProgressView> {
  if (quiet) return { onEvent: () => undefined, pause: () => () => undefined, stop: () => undefined };
  const writer = new LineWriter(output, env);
  const now = () => performance.now();
  if (!isTerminal(output, env)) return plainProgress(writer, now);
  const { ProgressBars } = await import("./progress-bars.js");
  return new ProgressBars(output, writer, now);
}
