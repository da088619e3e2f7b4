import { STATUS_CODES } from "node:http";
import { firstCause } from "../first-cause.js";

/** What a request failed with when it was the proxy that failed it. Its message never holds a credential. */
export class ProxyFailure extends Error {
  override readonly name = "ProxyFailure";
  /** What the proxy answered; undefined if it did not. */
  readonly status: number | undefined;

  constructor(host: string, said: { readonly status: number } | { readonly cause: unknown }) {
    if ("status" in said) {
      super(`the proxy ${host} gave no connection, but ${said.status} ${STATUS_CODES[said.status] ?? ""}`.trimEnd());
      this.status = said.status;
    } else {
      super(`the proxy ${host} gave no connection: ${wordsOf(said.cause)}`, { cause: said.cause });
      this.status = undefined;
    }
  }
}

function wordsOf(cause: unknown): string {
  const error = firstCause(cause);
  return error instanceof Error ? error.message : String(error);
}
