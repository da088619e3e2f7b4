import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";

/** The bytes of one file of a tar, read by tar-stream. */
export async function readEntry(path: string, name: string): Promise<Buffer> {
  const archive = extract();
  createReadStream(path).pipe(archive);
  for await (const entry of archive) {
    if (entry.header.name === name) return await buffer(entry);
    entry.resume();
  }
  throw new Error(`no ${name} in ${path}`);
}
