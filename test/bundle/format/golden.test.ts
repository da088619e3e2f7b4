import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { encodeBundleIndex, encodeInventory, entriesOf, parseBundleIndex } from "../../../src/bundle/format/index.js";
import { assemble } from "./assemble.js";
import { DELTA_INDEX, FILES, INDEX, INVENTORY, REFERRERS } from "./sample.js";

function golden(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/bundle/${name}`, import.meta.url));
}

// A snapshot is text, and this is not.
async function expectBytes(bytes: Buffer, name: string): Promise<void> {
  const path = golden(name);
  if (expect.getState().snapshotState.snapshotUpdateState === "all") await writeFile(path, bytes);
  expect(bytes.equals(await readFile(path))).toBe(true);
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

  test("the signed index of a delta", async () => {
    const bytes = encodeBundleIndex(DELTA_INDEX);
    await expect(Buffer.from(bytes).toString()).toMatchFileSnapshot(golden("delta.json"));
    expect(encodeBundleIndex(parseBundleIndex(bytes))).toEqual(bytes);
  });

  test("a delta, without what it leaves out", async () => {
    const preamble = {
      index: encodeBundleIndex(DELTA_INDEX),
      signature: Buffer.from("a signature"),
      sigstoreBundle: Buffer.from("{}"),
    };
    const { layer: _layer, ...present } = FILES;
    const { tar } = await assemble(preamble, entriesOf(DELTA_INDEX, "delta"), Object.values(present));
    await expectBytes(tar, "delta.tar");
  });

  test("an inventory", async () => {
    await expect(Buffer.from(encodeInventory(INVENTORY)).toString()).toMatchFileSnapshot(golden("inventory.json"));
  });

  test("the whole tar", async () => {
    const preamble = { index, signature: Buffer.from("a signature"), sigstoreBundle: Buffer.from("{}") };
    const { tar } = await assemble(preamble, INDEX.entries, Object.values(FILES));
    await expectBytes(tar, "bundle.tar");
  });
});
