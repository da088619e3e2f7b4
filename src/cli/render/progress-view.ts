import type { EventListener } from "../../index.js";

/** Shows what an operation says while it runs. */
export interface ProgressView {
  readonly onEvent: EventListener;
  /** Removes what would be in the way of a question; the function that it gives brings it back. */
  pause(): () => void;
  /** Removes what would be in the way of the result. */
  stop(): void;
}
