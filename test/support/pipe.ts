import { Readable } from "node:stream";
import { PipeSource } from "../../src/bundle/index.js";

// Small enough that a small bundle comes in many pieces, none of which ends where a block does.
const CHUNK_SIZE = 4093;

/** Bytes as a pipe gives them: in chunks that have nothing to do with what they hold. */
export function pipeOf(bytes: Uint8Array, chunkSize = CHUNK_SIZE): Readable {
  return Readable.from(chunksOf(bytes, chunkSize), { objectMode: false });
}

/** Bytes as a source that comes by once. */
export function passing(bytes: Uint8Array, chunkSize = CHUNK_SIZE): PipeSource {
  return new PipeSource(pipeOf(bytes, chunkSize), "standard input");
}

function* chunksOf(bytes: Uint8Array, chunkSize: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkSize) yield bytes.subarray(at, at + chunkSize);
}
