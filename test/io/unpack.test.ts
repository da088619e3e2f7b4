import { expect, test } from "vitest";
import { unpacked } from "../../src/io/index.js";

test("zstd frames that hold nothing, and ask for a large window each, unpack to nothing", async () => {
  const empty = Buffer.from("28b52ffd0078010000", "hex");
  async function* file(): AsyncGenerator<Uint8Array> {
    yield Buffer.concat(Array.from({ length: 20_000 }, () => empty));
  }
  const parts: Uint8Array[] = [];
  for await (const part of unpacked(file(), "zstd")) parts.push(part);
  expect(Buffer.concat(parts)).toEqual(Buffer.alloc(0));
});
