import { isSealiftError, type SealiftError } from "../../src/errors/index.js";

/** The SealiftError that `action` fails with; anything else it does is a failure of the test. */
export async function failureOf(action: () => unknown): Promise<SealiftError> {
  try {
    await action();
  } catch (error) {
    if (isSealiftError(error)) return error;
    throw error;
  }
  throw new Error("expected it to fail, yet it did not");
}

/** All that a user could ever be shown of an error, its causes included. */
export function everythingSaidBy(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hint = isSealiftError(error) ? error.hint : undefined;
  return [error.message, hint, error.stack, error.cause === undefined ? "" : everythingSaidBy(error.cause)].join("\n");
}
