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
}

/** What a command did. */
export interface Outcome {
  /** For `--json`. */
  readonly result: object;
  /** For people. Text from outside need not be escaped: whoever prints the lines does that. */
  readonly lines: readonly string[];
  /** The images that failed while others did not. */
  readonly failures: readonly Failure[];
}

/** An image that failed alone. */
export interface Failure {
  readonly image: string;
  readonly error: SealiftError;
}
