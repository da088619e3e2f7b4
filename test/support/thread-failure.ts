import { expect } from "vitest";

/** What Node fails with when there is no file descriptor left for a worker thread. */
export const noDescriptorsLeft = Object.assign(new Error("Worker initialization failure: EMFILE"), {
  code: "ERR_WORKER_INIT_FAILED",
});

/** What users are told of it. */
export const noDescriptorsLeftExplained = {
  code: "MEDIUM_FAILED",
  message: expect.stringContaining("too many files open (EMFILE)") as unknown,
  hint: expect.stringContaining("ulimit -n") as unknown,
  cause: noDescriptorsLeft,
};
