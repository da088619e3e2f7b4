import { CHUNK_SUM_SIZE, isChunkSumsFile, type PlacedFile } from "../../bundle/format/index.js";
import type { TolerantReads } from "./tolerant-reads.js";

// The sums of 32 TiB. A larger bundle is checked by its digests alone.
const MAX_TABLE_SIZE = 64 * 1024 * 1024;

/** The sums of a bundle's chunks, as they are stored in it. */
export class ChunkTable {
  readonly #bytes: Buffer;

  private constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Reads the sums; undefined if they are damaged, or too many. */
  static async read(reads: TolerantReads, { position, size }: PlacedFile): Promise<ChunkTable | undefined> {
    if (size > MAX_TABLE_SIZE || position + size > reads.source.size) return undefined;
    return await ChunkTable.of(await reads.read(position, size));
  }

  /** The sums in these bytes; undefined if they are damaged. */
  static async of(bytes: Uint8Array | undefined): Promise<ChunkTable | undefined> {
    if (bytes === undefined || !(await isChunkSumsFile(inOnePiece(bytes), bytes.length))) return undefined;
    return new ChunkTable(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  /** @param chunk - Its number among all chunks of the bundle. */
  sum(chunk: number): bigint {
    return this.#bytes.readBigUInt64BE(CHUNK_SUM_SIZE * chunk);
  }
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
