/** What a connection failed with: of several addresses that were tried, the first; usually all failed for one reason. */
export function firstCause(cause: unknown): unknown {
  return cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
}
