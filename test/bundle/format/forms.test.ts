import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BundleEntry,
  type BundleIndex,
  blobPath,
  entriesOf,
  formAt,
  formMark,
  parseBundleIndex,
  planForm,
} from "../../../src/bundle/format/index.js";
import { digestOf } from "../../../src/oci/index.js";
import { failureOf } from "../../support/errors.js";
import { assemble } from "./assemble.js";
import { DELTA_INDEX, INDEX } from "./sample.js";

const SIZES = { index: 4000, signature: 71, sigstoreBundle: 513 };

/** The three documents, then blobs with these bytes, of which some that follow each other are left out. */
const delta: fc.Arbitrary<{ readonly index: BundleIndex; readonly contents: readonly Uint8Array[] }> = fc
  .record({
    blobs: fc.uniqueArray(
      fc.record({ bytes: fc.uint8Array({ maxLength: 1100 }), algorithm: fc.constantFrom("sha256", "sha512") }),
      { selector: ({ bytes }) => String(bytes), minLength: 1, maxLength: 6 },
    ),
    from: fc.nat(5),
    count: fc.nat({ max: 5 }),
  })
  .map(({ blobs, from, count }) => {
    const entries: BundleEntry[] = blobs.map(({ bytes, algorithm }) => {
      const digest = digestOf(bytes, algorithm);
      return { path: blobPath(digest), digest, size: bytes.length };
    });
    const first = from % entries.length;
    const leftOut = entries
      .slice(first, first + count + 1)
      .map(({ digest }) => ({ digest, base: 0, repository: "library/app" }));
    const index = {
      ...INDEX,
      entries: [...INDEX.entries.slice(0, 3), ...entries],
      delta: { bases: DELTA_INDEX.delta!.bases, leftOut },
    };
    const documents = INDEX.entries.slice(0, 3).map(({ size }) => Buffer.alloc(size, "d"));
    return { index, contents: [...documents, ...blobs.map(({ bytes }) => bytes)] };
  });

describe("the forms of a delta", () => {
  test("are told apart by what stands at the mark, wherever it is and whatever follows", async () => {
    await fc.assert(
      fc.asyncProperty(delta, async ({ index, contents }) => {
        const mark = formMark(SIZES, index)!;
        for (const form of ["full", "delta"] as const) {
          const present = entriesOf(index, form);
          const bytes = present.map((entry) => contents[index.entries.indexOf(entry)]!);
          const preamble = {
            index: Buffer.alloc(SIZES.index),
            signature: Buffer.alloc(SIZES.signature),
            sigstoreBundle: Buffer.alloc(SIZES.sigstoreBundle),
          };
          const { tar, layout } = await assemble(preamble, present, bytes);
          expect(formAt(mark, tar.subarray(mark.position, mark.position + mark.header.length))).toBe(form);
          expect(planForm(SIZES, index, form)).toEqual(layout);
        }
      }),
    );
  });

  test("lie alike up to the mark", () => {
    fc.assert(
      fc.property(delta, ({ index }) => {
        const { position } = formMark(SIZES, index)!;
        const before = (form: "full" | "delta") =>
          planForm(SIZES, index, form).entries.filter((placed) => placed.headerPosition < position);
        expect(before("delta")).toEqual(before("full"));
      }),
    );
  });

  test("of what is no delta are one", () => {
    expect(formMark(SIZES, INDEX)).toBeUndefined();
    expect(entriesOf(INDEX, "delta")).toEqual(INDEX.entries);
  });

  test("both have a document that has the bytes of a blob that is left out", () => {
    const [document] = INDEX.entries;
    const twin = { ...document!, path: blobPath(document!.digest) };
    const leftOut = [{ digest: twin.digest, base: 0, repository: "a" }];
    const index = {
      ...INDEX,
      entries: [...INDEX.entries.slice(0, 3), twin],
      delta: { ...DELTA_INDEX.delta!, leftOut },
    };
    expect(entriesOf(index, "delta")).toEqual(INDEX.entries.slice(0, 3));
  });

  test("a bundle that ends before the mark is taken for the delta form", () => {
    const mark = formMark(SIZES, DELTA_INDEX)!;
    expect(formAt(mark, new Uint8Array(0))).toBe("delta");
    expect(formAt(mark, mark.header.subarray(0, 100))).toBe("delta");
  });
});

describe("the index of a delta", () => {
  const [base] = DELTA_INDEX.delta!.bases;
  const [left] = DELTA_INDEX.delta!.leftOut;
  const other = INDEX.entries[6]!.digest;
  const inventory = { kind: "inventory", registry: "r.io", created: "2026-01-01T00:00:00Z", digest: other };

  function parse(value: unknown) {
    return parseBundleIndex(Buffer.from(JSON.stringify({ ...INDEX, delta: value })));
  }

  test.each<[string, unknown]>([
    ["a bundle", { bases: [base], leftOut: [left] }],
    [
      "a bundle of which only the index was at hand",
      { bases: [{ ...base, repositories: ["a", "b/c"] }], leftOut: [left] },
    ],
    ["an inventory", { bases: [inventory], leftOut: [left] }],
    ["both", { bases: [base, inventory], leftOut: [left, { ...left, digest: other, base: 1 }] }],
  ])("may rely on %s", (_what, value) => {
    expect(parse(value).delta).toEqual(value);
  });

  test.each<[string, unknown, RegExp]>([
    ["null", null, /"delta"/],
    ["another member", { bases: [base], leftOut: [left], more: 1 }, /"delta"/],
    ["nothing left out", { bases: [], leftOut: [] }, /to be at least one, got none/],
    ["no bases", { bases: [], leftOut: [left] }, /to have one of 0 bases, got base 0/],
    ["a base that is not there", { bases: [base], leftOut: [{ ...left, base: 1 }] }, /one of 1 bases, got base 1/],
    ["a base that is no number", { bases: [base], leftOut: [{ ...left, base: 0.5 }] }, /"delta\.leftOut\.0\.base"/],
    ["a base of another kind", { bases: [{ ...base, kind: "guess" }], leftOut: [left] }, /"delta\.bases\.0\.kind"/],
    ["a base for nothing", { bases: [base, base], leftOut: [left] }, /got none that relies on base 1/],
    ["a base that leads elsewhere", { bases: [{ ...base, repositories: ["../x"] }], leftOut: [left] }, /repositories/],
    ["a registry with a path", { bases: [{ ...inventory, registry: "r.io/x" }], leftOut: [left] }, /registry/],
    ["a registry with a password", { bases: [{ ...inventory, registry: "u:p@r.io" }], leftOut: [left] }, /registry/],
    ["a document", { bases: [base], leftOut: [{ ...left, digest: INDEX.entries[0]!.digest }] }, /which is none/],
    ["a stranger", { bases: [base], leftOut: [{ ...left, digest: digestOf(Buffer.from("?")) }] }, /which is none/],
    ["a blob twice", { bases: [base], leftOut: [left, left] }, /to follow each other as entries/],
    ["another order", { bases: [base], leftOut: [{ ...left, digest: other }, left] }, /to follow each other/],
    ["no repository", { bases: [base], leftOut: [{ ...left, repository: "" }] }, /repository/],
    ["a repository with a tag", { bases: [base], leftOut: [{ ...left, repository: "a:1" }] }, /repository/],
    ["a repository in capitals", { bases: [base], leftOut: [{ ...left, repository: "A" }] }, /repository/],
    ["a repository that ends in a slash", { bases: [base], leftOut: [{ ...left, repository: "a/" }] }, /repository/],
  ])("is refused with %s", async (_what, value, message) => {
    const failure = await failureOf(() => parse(value));
    expect(failure.code).toBe("BUNDLE_INVALID");
    expect(failure.message).toMatch(message);
  });
});
