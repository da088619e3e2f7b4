import { copyFile, open } from "node:fs/promises";
import { textOf } from "./process.js";

/** Copies a bundle and changes one byte of the last layer in it. */
export async function flipLastLayerByte(from: string, to: string): Promise<void> {
  await copyFile(from, to);
  await using file = await open(to, "r+");
  const byte = Buffer.alloc(1);
  const position = await lastBlobOffset(from);
  await file.read(byte, 0, 1, position);
  byte.writeUInt8(byte.readUInt8() ^ 1);
  await file.write(byte, 0, 1, position);
}

/** Where the bytes of the tar's last blob begin, which is the last entry but one, as GNU tar counts: its header is one block of 512 bytes. */
async function lastBlobOffset(bundle: string): Promise<number> {
  const lines = (await textOf("tar", ["--list", "--block-number", "--file", bundle])).split("\n");
  const entries = lines.filter((line) => !line.includes("** Block of NULs **"));
  const block = /^block (\d+): blobs\//.exec(entries.at(-2) ?? "")?.[1];
  if (block === undefined) {
    throw new Error(`expected the last entry but one of ${bundle} to be a blob, got ${entries.at(-2) ?? "none"}`);
  }
  return (Number(block) + 1) * 512;
}
