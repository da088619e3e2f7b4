import type { SealiftError } from "../errors/index.js";
import type { EventListener } from "../index.js";
import type { CliHost } from "./host.js";

/** What a command works with while it runs. */
export interface Session {
  readonly host: CliHost;
  /** Aborted, with an `INTERRUPTED` error, when the user or the system asks to stop. */
  readonly signal: AbortSignal;
  readonly onEvent: EventListener;
  /** Says what nobody may miss: `--quiet` does not silence it. */
  readonly warnAloud: (text: string) => void;
  /** Takes the progress out of the way of a question, until what it gives is called. */
  readonly pauseProgress: () => () => void;
}

/** What a command did. */
export interface Outcome {
  /** For `--json`. */
  readonly result: object;
  /** For people. Text from outside need not be escaped: whoever prints the lines does that. */
  readonly lines: readonly string[];
  /** The images that failed while others did not; or what else there are several of. */
  readonly failures: readonly Failure[];
  /** What is wrong all the same, if all that was to be done was done: it decides the exit code. */
  readonly error?: SealiftError | undefined;
}

/** An image that failed alone. */
export interface Failure {
  readonly image: string;
  readonly error: SealiftError;
}
