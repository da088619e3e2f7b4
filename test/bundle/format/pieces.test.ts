import { expect, test } from "vitest";
import { lengthOf, piecesOf } from "../../../src/bundle/format/index.js";
import { assemble } from "./assemble.js";
import { FILES, INDEX } from "./sample.js";

const preamble = { index: Buffer.from("{}\n"), signature: Buffer.alloc(71, 1), sigstoreBundle: Buffer.alloc(513, 2) };

test("every byte after the signature, but the sums', is in one piece, and frames say what it is", async () => {
  const { tar, layout } = await assemble(preamble, INDEX.entries, Object.values(FILES));
  const { chunkSums } = layout;
  let end = layout.signature.position + layout.signature.size;
  for (const piece of piecesOf(layout, preamble.sigstoreBundle)) {
    if (end === chunkSums.position) end += chunkSums.size;
    expect(piece.position).toBe(end);
    end += lengthOf(piece);
    if (piece.kind === "frame") expect(tar.subarray(piece.position, end)).toEqual(Buffer.from(piece.bytes));
  }
  expect(end).toBe(tar.length);
});

test("chunks are numbered through all entries", async () => {
  const { layout } = await assemble(preamble, INDEX.entries, Object.values(FILES));
  const chunks = [...piecesOf(layout, preamble.sigstoreBundle)].flatMap((piece) =>
    piece.kind === "chunk" ? [[piece.chunk, piece.placed.path]] : [],
  );
  expect(chunks).toEqual(INDEX.entries.map(({ path }, at) => [at, path]));
});
