import { createHash, type Hash } from "node:crypto";
import { availableParallelism } from "node:os";
import pLimit from "p-limit";
import { quote, SealiftError } from "../../errors/index.js";
import { mediumError } from "../../io/index.js";
import type { CommitOp } from "../../ports/index.js";
import { HashPool } from "../hash-pool.js";
import { readBack, type WrittenFile } from "./read-back.js";

/** The SHA-256 of the parts of a bundle, of which the bytes of each come from first to last, or are read once more. */
export class PartSums {
  readonly #parts: PartSum[] = [];

  /** Takes bytes of a part that were just written. */
  take(part: number, position: number, bytes: Uint8Array): void {
    this.#at(part).take(position, bytes);
  }

  /** In hexadecimal; undefined if not all `size` bytes came, each once and in order. */
  sumOf(part: number, size: number): string | undefined {
    return this.#at(part).of(size);
  }

  #at(part: number): PartSum {
    return (this.#parts[part] ??= new PartSum());
  }
}

class PartSum {
  readonly #hash: Hash = createHash("sha256");
  /** Where the next byte belongs; undefined once one came that belongs elsewhere. */
  #next: number | undefined = 0;

  take(position: number, bytes: Uint8Array): void {
    if (position !== this.#next) {
      this.#next = undefined;
      return;
    }
    this.#hash.update(bytes);
    this.#next += bytes.length;
  }

  of(size: number): string | undefined {
    return this.#next === size ? this.#hash.copy().digest("hex") : undefined;
  }
}

/** A part that was written and is open. */
export interface WrittenPart extends WrittenFile {
  readonly fd: number;
}

/**
 * The SHA-256 of all parts, in hexadecimal. What has to be read for it is read
 * once: all of it where there is a check, which is given it, too; else only the
 * parts that were not summed while they were written.
 *
 * @param known - What was summed so far.
 * @throws SealiftError `MEDIUM_FAILED`; and as `op.check.finish`; or the signal's reason.
 */
export async function sumParts(parts: readonly WrittenPart[], known: PartSums, op: CommitOp): Promise<string[]> {
  const sums = op.check === undefined ? known : await readBackSums(parts, op.check, op);
  await using pool = new HashPool();
  const missing = parts.filter(({ size }, at) => sums.sumOf(at, size) === undefined);
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  const limit = pLimit(availableParallelism());
  return await Promise.all(
    parts.map((part, at) => limit(async () => sums.sumOf(at, part.size) ?? (await hashPart(part, total, pool, op)))),
  );
}

async function readBackSums(
  parts: readonly WrittenPart[],
  check: NonNullable<CommitOp["check"]>,
  op: CommitOp,
): Promise<PartSums> {
  const sums = new PartSums();
  const done = parts.map(() => 0);
  await readBack(parts, check, op, (at, bytes) => {
    const position = done[at] ?? 0;
    sums.take(at, position, bytes);
    done[at] = position + bytes.length;
  });
  return sums;
}

async function hashPart(
  { fd, size, path }: WrittenPart,
  total: number,
  pool: HashPool,
  { signal, onRead }: CommitOp,
): Promise<string> {
  const request = { ranges: [{ fd, position: 0, length: size }], algorithm: "sha256" } as const;
  const onBytes = (bytes: number) => onRead?.(bytes, total);
  try {
    const { hex, read } = await pool.hash(request, { onBytes, ...(signal === undefined ? {} : { signal }) });
    if (read === size) return hex;
    throw new SealiftError("MEDIUM_FAILED", `expected to read ${size} bytes from ${quote(path)}, got ${read}`);
  } catch (error) {
    throw mediumError(error, "read", path);
  }
}
