// More typing errors than these, and it is another word.
const MAX_ERRORS = 2;

/** The candidate that somebody who typed `word` most likely meant: one that begins with it, or is nearly it. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word === "") return undefined;
  const begun = candidates.find((candidate) => candidate.startsWith(word));
  if (begun !== undefined) return begun;
  const [best] = candidates
    .map((candidate) => ({ candidate, errors: distance(word, candidate) }))
    .sort((a, b) => a.errors - b.errors);
  return best !== undefined && best.errors <= MAX_ERRORS && best.errors < word.length ? best.candidate : undefined;
}

// Levenshtein's distance, row by row.
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of Array.from(a).entries()) {
    const next = [i + 1];
    for (const [j, other] of Array.from(b).entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
