import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { encodeBundleIndex } from "../../../src/bundle/format/index.js";
import { assemble } from "./assemble.js";
import { FILES, INDEX } from "./sample.js";

function golden(name: string): string {
  return fileURLToPath(new URL(`../../../fixtures/bundle/${name}`, import.meta.url));
}

const index = encodeBundleIndex(INDEX);

// fixtures/bundle/README.md says what to do when these fail.
describe("the format, byte for byte:", () => {
  test("the signed index", async () => {
    await expect(Buffer.from(index).toString()).toMatchFileSnapshot(golden("bundle.json"));
  });

  test("the whole tar", async () => {
    const preamble = { index, signature: Buffer.from("a signature"), sigstoreBundle: Buffer.from("{}") };
    const { tar } = assemble(preamble, INDEX.entries, Object.values(FILES));
    // All of it is ASCII, so that it is the same bytes as text.
    await expect(tar.toString("latin1")).toMatchFileSnapshot(golden("bundle.tar"));
  });
});
