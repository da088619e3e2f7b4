import { createHash, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BUNDLE_INDEX_PATH, headerOf, placeFile } from "../../src/bundle/format/index.js";
import { edgesOf, encodeVolumesFile, partName, volumesFileName } from "../../src/bundle/volumes-file.js";
import { digestOf } from "../../src/oci/index.js";

/** Bytes that begin like a bundle, and go on with noise. */
export function likeBundle(size: number): Buffer {
  return Buffer.concat([headerOf(placeFile(BUNDLE_INDEX_PATH, 1000, 0)), randomBytes(size - 512)]);
}

/** Cuts bytes at these positions. */
export function cutAt(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const edges = [0, ...positions, bytes.length];
  return edges.slice(1).map((end, at) => bytes.subarray(edges[at], end));
}

/** Cuts bytes into parts of this size, the last of which may be smaller. */
export function cutInto(bytes: Uint8Array, partSize: number): Uint8Array[] {
  return cutAt(
    bytes,
    Array.from({ length: Math.ceil(bytes.length / partSize) - 1 }, (_, at) => (at + 1) * partSize),
  );
}

/** The volumes file of parts of one size. */
async function volumesOf(name: string, parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const described = parts.map(async (bytes, at) => ({
    name: partName(name, at + 1),
    size: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    edges: await edgesOf(bytes.length, async (position, length) => bytes.subarray(position, position + length)),
  }));
  return encodeVolumesFile({
    set: digestOf(Buffer.concat(parts)),
    size: parts.reduce((sum, { length }) => sum + length, 0),
    partSize: parts[0]?.length ?? 0,
    parts: await Promise.all(described),
  });
}

/** Writes files below a folder, which need not be there. */
export async function writeFiles(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
}

/** Parts by the names of their files, with a volumes file if there is one. */
export async function setOf(name: string, parts: readonly Uint8Array[], withVolumes = true) {
  const files: Record<string, Uint8Array> = {};
  for (const [at, bytes] of parts.entries()) files[partName(name, at + 1)] = bytes;
  if (withVolumes) files[volumesFileName(name)] = await volumesOf(name, parts);
  return files;
}
