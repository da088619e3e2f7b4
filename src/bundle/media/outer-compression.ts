import { isSealiftError, SealiftError } from "../../errors/index.js";
import { compressionOf, unpacked } from "../../io/index.js";
import { type FoundFile, headOf, unpackedBytes } from "./found-file.js";

/** Whether these are the first bytes of something that is compressed as a whole. */
export function isPackedTar(head: Buffer): boolean {
  return compressionOf(head) !== undefined;
}

/** A bundle that somebody compressed as a whole, as it is read. */
export interface UnpackedTar {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** What that costs, for the user. */
  readonly note: string;
}

/** Unpacks a `.tar.gz` or a `.tar.zst`, told by its first bytes: names lie. */
export async function unpackTar(file: FoundFile): Promise<UnpackedTar> {
  const compression = compressionOf(await headOf(file, MAGIC_LENGTH)) ?? "gzip";
  const command = compression === "gzip" ? "gunzip --keep" : "unzstd --keep";
  return {
    chunks: unpackedChunks(file, compression),
    note: `${file.label} is compressed as a whole (${compression}): it is read once, from its start to its end, by one processor. To have it read where it lies, unpack it first, for example with ${command}`,
  };
}

const MAGIC_LENGTH = 4;

async function* unpackedChunks(file: FoundFile, compression: "gzip" | "zstd"): AsyncGenerator<Uint8Array> {
  try {
    yield* unpacked(unpackedBytes(file), compression);
  } catch (error) {
    // What the medium failed with says nothing of the content.
    if (isSealiftError(error) && !isSealiftError(error, "MANIFEST_INVALID")) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const hint = isSealiftError(error) ? error.hint : undefined;
    throw new SealiftError(
      "BUNDLE_INVALID",
      `expected ${file.label} to be ${compression} up to its end, got: ${reason}`,
      {
        hint: hint ?? "it was cut off, damaged, or something was added: get it again from where it was made",
        cause: error,
      },
    );
  }
}
