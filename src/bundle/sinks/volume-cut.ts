/** The bytes of a range that lie in one part of a bundle. In bytes. */
export interface Slice {
  /** The first part is 0. */
  readonly part: number;
  /** Where in the part they begin. */
  readonly position: number;
  /** Where in the range they begin. */
  readonly start: number;
  readonly length: number;
}

/** Where a range of a bundle lies that is cut into parts of `partSize` bytes. */
export function slicesOf(position: number, length: number, partSize: number): readonly Slice[] {
  const slices: Slice[] = [];
  for (let start = 0; start < length; ) {
    const part = Math.floor((position + start) / partSize);
    const inPart = position + start - part * partSize;
    const piece = Math.min(length - start, partSize - inPart);
    slices.push({ part, position: inPart, start, length: piece });
    start += piece;
  }
  return slices;
}
