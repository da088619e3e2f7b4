/** Bytes of a bundle that follow each other. */
export interface ByteRange {
  /** Where they begin, in bytes. */
  readonly position: number;
  /** How many they are: at least one. */
  readonly length: number;
}

/**
 * The most ranges that a request or a patch may have. A file of them has some
 * hundred kilobytes then, and what they cover can be found at once.
 */
export const MAX_RANGES = 4096;

// A range of its own costs a patch at least two blocks and a line.
const SMALL_GAP = 4096;

/** Where the first byte after a range lies. */
export function endOfRange({ position, length }: ByteRange): number {
  return position + length;
}

/**
 * Sorted ranges that cover all the given ones, and little else: those that
 * overlap or lie close together become one, and so do the closest ones until
 * there are at most `max`.
 */
export function mergeRanges(ranges: readonly ByteRange[], max: number = MAX_RANGES): readonly ByteRange[] {
  const sorted = ranges.filter(({ length }) => length > 0).sort((a, b) => a.position - b.position);
  const close = joinAcross(sorted, SMALL_GAP);
  if (close.length <= max) return close;
  const gaps = close.slice(1).map((range, at) => range.position - endOfRange(close[at] ?? range));
  gaps.sort((a, b) => a - b);
  return joinAcross(close, gaps[gaps.length - max] ?? 0);
}

/** Whether ranges are sorted, apart from each other, not empty, and end before `size`. */
export function areWithin(ranges: readonly ByteRange[], size: number): boolean {
  let end = 0;
  for (const range of ranges) {
    if (range.position < end || range.length < 1) return false;
    end = endOfRange(range);
  }
  return end <= size;
}

/** A part of one of several ranges. */
export interface RangePart extends ByteRange {
  /** Which of them it is of. */
  readonly at: number;
}

/** What ranges have in common with the bytes from `position` on; both the ranges and the result are sorted. */
export function* rangesIn(
  ranges: readonly ByteRange[],
  position: number,
  length: number,
): Generator<RangePart, undefined> {
  const end = position + length;
  for (let at = firstEndingAfter(ranges, position); at < ranges.length; at += 1) {
    const range = ranges[at];
    if (range === undefined || range.position >= end) return undefined;
    const start = Math.max(position, range.position);
    yield { at, position: start, length: Math.min(end, endOfRange(range)) - start };
  }
  return undefined;
}

function firstEndingAfter(ranges: readonly ByteRange[], position: number): number {
  let low = 0;
  for (let high = ranges.length; low < high; ) {
    const middle = Math.floor((low + high) / 2);
    const range = ranges[middle];
    if (range !== undefined && endOfRange(range) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

function joinAcross(sorted: readonly ByteRange[], gap: number): ByteRange[] {
  const joined: ByteRange[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last === undefined || range.position - endOfRange(last) > gap) joined.push(range);
    else {
      const end = Math.max(endOfRange(last), endOfRange(range));
      joined[joined.length - 1] = { position: last.position, length: end - last.position };
    }
  }
  return joined;
}
