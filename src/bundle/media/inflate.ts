import { pipeline, Readable } from "node:stream";
import { crc32, createInflateRaw } from "node:zlib";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import type { MediumFile } from "../medium-file.js";

/** A deflated entry of a ZIP. Sizes and positions are in bytes. */
export interface DeflatedEntry {
  readonly file: MediumFile;
  /** Where its packed bytes begin. */
  readonly offset: number;
  readonly packedSize: number;
  /** What the ZIP says that it has unpacked. */
  readonly size: number;
  readonly crc32: number;
  readonly label: string;
}

// Large enough that reads do not count; what comes out is bounded by the reader's pace.
const CHUNK_SIZE = 256 * 1024;

/**
 * The bytes of a deflated entry, unpacked. They end as soon as more come than the
 * ZIP states, and fail at the end unless size, CRC-32 and packed size are right:
 * node-stream-zip checks none of these for entries that were written in one go.
 *
 * @throws SealiftError `BUNDLE_INVALID`, `MEDIUM_FAILED`.
 */
export async function* inflated(entry: DeflatedEntry): AsyncGenerator<Uint8Array> {
  const { size, label } = entry;
  const inflate = createInflateRaw({ chunkSize: CHUNK_SIZE });
  let failure: unknown;
  pipeline(Readable.from(packedBytes(entry), { objectMode: false }), inflate, (error) => {
    failure ??= error;
  });
  let came = 0;
  let crc = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      came += chunk.length;
      if (came > size) throw wrong(label, `to unpack to ${size} bytes, as the ZIP says, got more`);
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    // What the file itself failed with is told first: the inflater only saw its end.
    const cause = isSealiftError(failure) ? failure : error;
    if (isSealiftError(cause)) throw cause;
    throw wrong(label, `to be unpacked, got ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  } finally {
    inflate.destroy();
  }
  if (came !== size) throw wrong(label, `to unpack to ${size} bytes, as the ZIP says, got ${came}`);
  if (crc !== entry.crc32) throw wrong(label, `to have CRC-32 ${hex(entry.crc32)}, as the ZIP says, got ${hex(crc)}`);
  if (inflate.bytesWritten !== entry.packedSize) {
    throw wrong(label, `to take ${entry.packedSize} bytes in the ZIP, got an end after ${inflate.bytesWritten}`);
  }
}

async function* packedBytes({ file, offset, packedSize, label }: DeflatedEntry): AsyncGenerator<Uint8Array> {
  for (let done = 0; done < packedSize; ) {
    const bytes = await file.read(offset + done, Math.min(CHUNK_SIZE, packedSize - done));
    if (bytes.length === 0) throw wrong(label, `to take ${packedSize} bytes in the ZIP, got ${done}`);
    done += bytes.length;
    yield bytes;
  }
}

function wrong(label: string, expected: string, cause?: unknown): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected ${label} ${expected}`, {
    hint: "the ZIP is damaged, or made to deceive: get it again from where it was made",
    cause,
  });
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, "0");
}
