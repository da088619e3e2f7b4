// Passwords of ECR and tokens of gcloud change while a long run lasts, and their
// helpers know; a helper may take a second, and Basic asks with every request.
const REMEMBERED_MS = 5 * 60_000;

/** Calls `ask` for each key once in a while; whoever asks meanwhile gets the same, be it an error. */
export function remembering<T>(ask: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const known = new Map<string, { readonly value: Promise<T>; readonly until: number }>();
  return async (key) => {
    const found = known.get(key);
    if (found !== undefined && Date.now() < found.until) return await found.value;
    const value = ask(key);
    known.set(key, { value, until: Date.now() + REMEMBERED_MS });
    return await value;
  };
}
