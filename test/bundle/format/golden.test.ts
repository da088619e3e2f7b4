import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { encodeBundleIndex, parseBundleIndex } from "../../../src/bundle/format/index.js";
import { assemble } from "./assemble.js";
import { FILES, INDEX, REFERRERS } from "./sample.js";

function golden(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/bundle/${name}`, import.meta.url));
}

const index = encodeBundleIndex(INDEX);

// fixtures/bundle/README.md says what to do when these fail.
describe("the format, byte for byte:", () => {
  test("the signed index", async () => {
    await expect(Buffer.from(index).toString()).toMatchFileSnapshot(golden("bundle.json"));
  });

  test("the signed index with what refers to an image", async () => {
    const images = INDEX.images.map((image) => ({ ...image, referrers: REFERRERS }));
    const bytes = encodeBundleIndex({ ...INDEX, images });
    await expect(Buffer.from(bytes).toString()).toMatchFileSnapshot(golden("referrers.json"));
    expect(encodeBundleIndex(parseBundleIndex(bytes))).toEqual(bytes);
  });

  test("the whole tar", async () => {
    const preamble = { index, signature: Buffer.from("a signature"), sigstoreBundle: Buffer.from("{}") };
    const { tar } = assemble(preamble, INDEX.entries, Object.values(FILES));
    // All of it is ASCII, so that it is the same bytes as text.
    await expect(tar.toString("latin1")).toMatchFileSnapshot(golden("bundle.tar"));
  });
});
