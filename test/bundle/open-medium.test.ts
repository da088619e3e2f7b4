import { createHash } from "node:crypto";
import { link, mkdir, rename, rm, symlink, truncate } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Medium, openMedium, openRandomMedium, type RandomMedium } from "../../src/bundle/index.js";
import { isPartedSource, isPlacedSource, isSizeExplainer } from "../../src/ports/index.js";
import { frame, rawBlock, rleBlock, skippableFrame } from "../io/zstd-file.js";
import { failureOf } from "../support/errors.js";
import { cutAt, cutInto, likeBundle, setOf, writeFiles } from "../support/media.js";
import { TempFolder } from "../support/temp-folder.js";
import { makeZip } from "../support/zip.js";

const KIB = 1024;
const bytes = likeBundle(700 * KIB + 123);
const parts = cutInto(bytes, 300 * KIB);
const other = likeBundle(700 * KIB + 123);

let folder: TempFolder;
let a: string;
let b: string;
beforeEach(async () => {
  folder = await TempFolder.create();
  a = folder.file("a");
  b = folder.file("b");
  await mkdir(a);
  await mkdir(b);
});
afterEach(() => folder[Symbol.asyncDispose]());

async function contentOf(medium: Medium, size = bytes.length): Promise<Buffer> {
  await using _source = medium.source;
  if (medium.kind === "random") {
    expect(medium.source.size).toBe(size);
    return await buffer(medium.source.stream(0, size));
  }
  const content = await buffer(medium.source.stream(size));
  await medium.source.expectEnd();
  return content;
}

async function expectWhole(paths: readonly string[], kind: Medium["kind"] = "random"): Promise<void> {
  const medium = await openMedium(paths);
  expect(medium.kind).toBe(kind);
  expect((await contentOf(medium)).equals(bytes)).toBe(true);
}

async function opened(paths: readonly string[], options = {}): Promise<RandomMedium["source"]> {
  return (await openRandomMedium(paths, options)).source;
}

describe("a crowd of files", () => {
  test("beside a part that was named is not looked at", async () => {
    await writeFiles(a, await setOf("bundle.tar", parts));
    await writeFiles(
      a,
      Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`photo-${at}.jpg`, Buffer.of()])),
    );
    await expectWhole([`${a}/bundle.tar.001`]);
  });

  test("that all look like parts of other bundles takes no memory for each pair of them", async () => {
    await writeFiles(a, { "bundle.tar": bytes });
    const entries = Array.from({ length: 10_000 }, (_, at) => ({ name: `x${at}.001`, bytes: Buffer.of() }));
    const zip = makeZip(entries);
    await writeFiles(a, { "1.zip": zip, "2.zip": zip });
    await expectWhole([a]);
    await writeFiles(b, { "1.zip": zip, "2.zip": zip, "3.zip": zip, "4.zip": zip });
    const failure = await failureOf(() => openMedium([`${b}/1.zip`, `${b}/2.zip`, `${b}/3.zip`, `${b}/4.zip`]));
    expect(failure.message).toContain("expected one bundle, got 10000");
  });

  test("that all look like volumes files is not all read", async () => {
    const large = Buffer.alloc(2 * 1024 * 1024, " ");
    await writeFiles(a, Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`x${at}.volumes.json`, large])));
    const failure = await failureOf(() => openMedium([a]));
    expect(failure.code).toBe("CONFIG_INVALID");
    expect(failure.hint).toContain("a folder of their own");
  });
});

describe("a bundle in one file is found", () => {
  test("by its path, whatever its name", async () => {
    for (const name of ["bundle.tar", "bundle.tar.202", "bundle.zip", "bundle.tar.gz"]) {
      await writeFiles(a, { [name]: bytes });
      await expectWhole([`${a}/${name}`]);
    }
  });

  test("among the files that macOS writes beside others, in a folder and in a ZIP", async () => {
    const set = await setOf("bundle.tar", parts);
    const beside = Object.fromEntries(Object.keys(set).map((name) => [`._${name}`, Buffer.from("\0\x05\x16\x07")]));
    await writeFiles(a, { ...set, ...beside });
    await expectWhole([a]);
    await writeFiles(b, {
      "upload.zip": makeZip([
        { name: "__MACOSX/._b.tar.001", bytes: Buffer.from("\0\x05") },
        { name: "b.tar", bytes },
      ]),
    });
    await expectWhole([`${b}/upload.zip`]);
  });

  test("in a folder with anything else, and with links", async () => {
    await writeFiles(a, { "readme.txt": Buffer.from("hello"), empty: Buffer.alloc(0), "x.tar.partial": bytes });
    await writeFiles(a, { "old.001": Buffer.from("not one of ours"), "notes.volumes.json": Buffer.from("{}") });
    await writeFiles(b, { "bundle.tar": bytes });
    await symlink(`${b}/bundle.tar`, `${a}/link.tar`);
    await symlink("nowhere", `${a}/dangling`);
    await mkdir(`${a}/folder`);
    await expectWhole([a]);
  });

  test("even if it is none: what was named is what is meant", async () => {
    await writeFiles(a, { "junk.tar": Buffer.alloc(1000, "x"), "junk.001": Buffer.alloc(1000, "x") });
    for (const name of ["junk.tar", "junk.001"]) {
      const medium = await openMedium([`${a}/${name}`]);
      expect(await contentOf(medium, 1000)).toEqual(Buffer.alloc(1000, "x"));
    }
  });

  test("by - on standard input", async () => {
    const { Readable } = await import("node:stream");
    const medium = await openMedium(["-"], { stdin: Readable.from([bytes], { objectMode: false }) });
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(await failureOf(() => openMedium(["-"]))).toMatchObject({ code: "USAGE" });
    expect(await failureOf(() => openMedium(["-", a]))).toMatchObject({ code: "USAGE" });
  });

  test("not where nothing is one", async () => {
    await writeFiles(a, { "readme.txt": Buffer.from("hello") });
    const error = await failureOf(() => openMedium([a, b]));
    expect(error).toMatchObject({ code: "FILE_NOT_FOUND", exitCode: 2 });
    expect(error.message).toBe(`expected a bundle or its parts in "${a}", "${b}", got "readme.txt"`);
    expect((await failureOf(() => openMedium([folder.file("none")]))).code).toBe("FILE_NOT_FOUND");
  });

  test("not where several are", async () => {
    await writeFiles(a, { "one.tar": bytes, ...(await setOf("two.tar", parts)), ...(await setOf("x", parts, false)) });
    const error = await failureOf(() => openMedium([a]));
    expect(error).toMatchObject({ code: "USAGE", exitCode: 2 });
    expect(error.message).toContain("expected one bundle, got 3: ");
    for (const name of ['one.tar"', 'the parts of "two.tar"', 'the parts of "x"'])
      expect(error.message).toContain(name);
    await expectWhole([`${a}/one.tar`]);
    await expectWhole([`${a}/two.tar.volumes.json`]);
    await expectWhole([`${a}/x.002`]);
  });
});

describe("a bundle in parts is found", () => {
  test.each([true, false])("in one folder or several, in any order (volumes file: %s)", async (withVolumes) => {
    const { "b.tar.002": second, ...rest } = await setOf("b.tar", parts, withVolumes);
    await writeFiles(a, rest);
    await writeFiles(b, { "b.tar.002": second! });
    for (const paths of [
      [a, b],
      [b, a],
      [`${b}/b.tar.002`, a],
      [`${a}/b.tar.003`, `${b}/b.tar.002`, `${a}/b.tar.001`],
      [`${a}/b.tar.001`, b],
      [a, b, a],
    ])
      await expectWhole(paths);
  });

  test("by any one of them, or the volumes file, where the others lie beside it", async () => {
    await writeFiles(a, { ...(await setOf("b.tar", parts)), ...(await setOf("c.tar", cutInto(other, 90 * KIB))) });
    for (const name of ["b.tar.001", "b.tar.003", "b.tar.volumes.json"]) await expectWhole([`${a}/${name}`]);
  });

  test("however it was cut", async () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
    const places = fc.array(fc.constantFrom("a", "b", "zip"), { minLength: 13, maxLength: 13 });
    await fc.assert(
      fc.asyncProperty(cuts, places, async (positions, where) => {
        await using place = await TempFolder.create();
        const zipped: { name: string; bytes: Uint8Array }[] = [];
        for (const [at, [name, part]] of Object.entries(
          await setOf(
            "b.tar",
            cutAt(
              bytes,
              positions.toSorted((x, y) => x - y),
            ),
            false,
          ),
        ).entries()) {
          if (where[at] === "zip") zipped.push({ name: `folder/${name}`, bytes: part });
          else await writeFiles(place.file(where[at] ?? "a"), { [name]: part });
        }
        await writeFiles(place.file("a"), {
          "parts.zip": makeZip(zipped.reverse()),
          "b.tar.SHA256SUMS": Buffer.from(""),
        });
        await mkdir(place.file("b"), { recursive: true });
        await expectWhole([place.file("b"), place.file("a")]);
      }),
      { numRuns: 25 },
    );
  });

  test("twice, if both are alike", async () => {
    await writeFiles(a, await setOf("b.tar", parts));
    await writeFiles(b, await setOf("b.tar", parts));
    await expectWhole([a, b]);
    await rm(`${a}/b.tar.002`);
    await link(`${b}/b.tar.001`, `${a}/b.tar.002`);
    expect((await failureOf(() => openMedium([b, a]))).code).toBe("BUNDLE_INVALID");
  });

  test("by more than 99 of them", async () => {
    await writeFiles(a, await setOf("b.tar", cutInto(bytes, 2 * KIB)));
    await expectWhole([a]);
  });
});

describe("read across parts", () => {
  test("bytes, streams, digests and checksums are those of the whole", async () => {
    await writeFiles(a, await setOf("b.tar", cutInto(bytes, 10 * KIB + 1)));
    await writeFiles(b, { "b.tar": bytes });
    await using source = await opened([a]);
    await using whole = await opened([b]);
    const range = fc
      .tuple(fc.nat(bytes.length), fc.oneof(fc.nat(600 * KIB), fc.nat(20)))
      .map(([position, length]) => [position, Math.min(length, bytes.length - position)] as const);
    await fc.assert(
      fc.asyncProperty(range, async ([position, length]) => {
        const expected = bytes.subarray(position, position + length);
        expect(expected.equals(await source.read(position, length))).toBe(true);
        expect(expected.equals(await buffer(source.stream(position, length)))).toBe(true);
        let counted = 0;
        const digest = await source.digest(position, length, "sha256", { onBytes: (count) => (counted += count) });
        expect(digest).toBe(`sha256:${createHash("sha256").update(expected).digest("hex")}`);
        expect(counted).toBe(length);
        expect(await source.checksum(position, length)).toBe(await whole.checksum(position, length));
      }),
      { numRuns: 40 },
    );
  });

  test("every byte has its place in a file, and its part a name", async () => {
    await writeFiles(a, await setOf("b.tar", parts));
    await using source = await opened([a]);
    if (!isPartedSource(source) || !isPlacedSource(source)) throw new Error("expected a source that knows its parts");
    expect(source.placeOf(300 * KIB + 5)).toEqual({ path: `${a}/b.tar.002`, offset: 5, length: 300 * KIB - 5 });
    expect(source.placeOf(0)).toEqual({ path: `${a}/b.tar.001`, offset: 0, length: 300 * KIB });
    expect(await source.nameParts(700 * KIB, 10)).toBe(`part 3 of 3, "${a}/b.tar.003"`);
    expect(await source.nameParts(300 * KIB - 1, 2)).toBe(
      `part 1 of 3, "${a}/b.tar.001" or part 2 of 3, "${a}/b.tar.002"`,
    );
  });

  test("of two parts, that one is named which is not as the volumes file says", async () => {
    const set = await setOf("b.tar", parts);
    set["b.tar.002"] = Buffer.from(parts[1]!).fill("x", 100 * KIB, 100 * KIB + 1);
    await writeFiles(a, set);
    await using source = await opened([a]);
    if (!isPartedSource(source)) throw new Error("expected a source that knows its parts");
    expect(await source.nameParts(10, 690 * KIB)).toBe(`part 2 of 3, "${a}/b.tar.002"`);
  });

  test("a part that is cut off while it is read is named", async () => {
    await writeFiles(a, await setOf("b.tar", parts));
    await using source = await opened([a]);
    await truncate(`${a}/b.tar.002`, 1000);
    for (const read of [
      () => source.read(100, 400 * KIB),
      () => source.digest(100, 400 * KIB, "sha256"),
      () => source.checksum(100, 400 * KIB),
      () => buffer(source.stream(100, 600 * KIB)),
    ]) {
      const error = await failureOf(read);
      expect(error.code).toBe("BUNDLE_INVALID");
      expect(error.message).toMatch(/^expected ".*b\.tar\.002" to have at least \d+ bytes, got 1000$/);
    }
  });

  test("nothing beyond the last part", async () => {
    await writeFiles(a, await setOf("b.tar", parts));
    await using source = await opened([a]);
    expect((await failureOf(() => source.read(bytes.length, 1))).message).toMatch(/b\.tar\.003" to have at least/);
  });
});

describe("what is wrong with the parts is named:", () => {
  type Change = (set: Record<string, Uint8Array>) => void;
  const cases: readonly [string, boolean, Change, string, string][] = [
    ["a missing one", true, (set) => delete set["b.tar.002"], "VOLUME_MISSING", 'part 2 of 3, "b.tar.002", in '],
    ["the first one missing", true, (set) => delete set["b.tar.001"], "VOLUME_MISSING", 'part 1 of 3, "b.tar.001"'],
    ["the last one missing", true, (set) => delete set["b.tar.003"], "VOLUME_MISSING", 'part 3 of 3, "b.tar.003"'],
    ["a missing one", false, (set) => delete set["b.tar.002"], "VOLUME_MISSING", 'part 2, "b.tar.002", in '],
    ["the first one missing", false, (set) => delete set["b.tar.001"], "VOLUME_MISSING", 'part 1, "b.tar.001", in '],
    [
      "one that is cut off",
      true,
      (set) => (set["b.tar.002"] = parts[1]!.subarray(0, 5000)),
      "BUNDLE_INVALID",
      'b.tar.002" to be part 2 of 3, as "*/b.tar.volumes.json" says, with 307200 bytes, got 5000: it was cut off',
    ],
    [
      "one that is too long",
      true,
      (set) => (set["b.tar.003"] = Buffer.concat([parts[2]!, Buffer.alloc(1)])),
      "BUNDLE_INVALID",
      "it is too long",
    ],
    [
      "one of another set, or a stale one",
      true,
      (set) => (set["b.tar.002"] = cutInto(other, 300 * KIB)[1]!),
      "BUNDLE_INVALID",
      'b.tar.002" to be part 2 of 3, as "*/b.tar.volumes.json" says, got a part of another set, or an older one',
    ],
    [
      "two that were renamed to each other",
      true,
      (set) => ([set["b.tar.001"], set["b.tar.002"]] = [parts[1]!, parts[0]!]),
      "BUNDLE_INVALID",
      'b.tar.001" to be part 1 of 3, as "*/b.tar.volumes.json" says, got part 2: it was renamed',
    ],
    [
      "one too many",
      true,
      (set) => (set["b.tar.004"] = Buffer.from("more")),
      "BUNDLE_INVALID",
      'expected 3 parts, as "*/b.tar.volumes.json" says, got also "*/b.tar.004"',
    ],
    [
      "a volumes file that is none",
      true,
      (set) => (set["b.tar.volumes.json"] = Buffer.from("{}")),
      "BUNDLE_INVALID",
      'the volumes file "*/b.tar.volumes.json" is not valid',
    ],
    [
      "an endless volumes file",
      true,
      (set) => (set["b.tar.volumes.json"] = Buffer.alloc(3 * KIB * KIB, " ")),
      "BUNDLE_INVALID",
      "to have at most 2097152 bytes",
    ],
    [
      "another name for the volumes file, and a stale part",
      true,
      (set) => {
        set["mine.volumes.json"] = set["b.tar.volumes.json"]!;
        delete set["b.tar.volumes.json"];
        set["b.tar.003"] = other.subarray(600 * KIB);
      },
      "BUNDLE_INVALID",
      'as "*/mine.volumes.json" says, got a part of another set',
    ],
  ];
  test.each(cases)("%s (volumes file: %s)", async (_name, withVolumes, change, code, message) => {
    const set = await setOf("b.tar", parts, withVolumes);
    change(set);
    await writeFiles(a, set);
    const error = await failureOf(() => openMedium([a, b]));
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(code === "VOLUME_MISSING" ? 7 : 3);
    expect(error.message.replaceAll(a, "*")).toContain(message);
    if (code === "VOLUME_MISSING") expect(error.message).toContain(`in "${a}", "${b}", got no such file`);
  });

  test("one of which there are two that differ", async () => {
    await writeFiles(a, await setOf("b.tar", parts, false));
    await writeFiles(b, { "b.tar.002": cutInto(other, 300 * KIB)[1]! });
    const error = await failureOf(() => openMedium([a, b]));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toBe(
      `expected one part 2 of "b.tar", got two that differ: "${a}/b.tar.002" and "${b}/b.tar.002"`,
    );
    await writeFiles(a, await setOf("b.tar", parts));
    expect((await failureOf(() => openMedium([a, b]))).message).toContain("got a part of another set");
    expect((await failureOf(() => openMedium([b, a]))).message).toContain("got a part of another set");
  });

  test("two volumes files that differ", async () => {
    await writeFiles(a, await setOf("b.tar", parts));
    await writeFiles(b, await setOf("b.tar", cutInto(other, 300 * KIB)));
    expect((await failureOf(() => openMedium([a, b]))).message).toBe(
      `expected one volumes file of "b.tar", got two that differ: "${a}/b.tar.volumes.json" and "${b}/b.tar.volumes.json"`,
    );
  });

  test("one that was renamed is named where it is missing", async () => {
    await writeFiles(a, await setOf("b.tar", parts));
    await rename(`${a}/b.tar.002`, `${a}/B~1.TAR`);
    const error = await failureOf(() => openMedium([a]));
    expect(error.code).toBe("VOLUME_MISSING");
    expect(error.hint).toBe(`"${a}/B~1.TAR" begins and ends like it: rename it to "b.tar.002"`);
  });

  test.each<[string, (set: Record<string, Uint8Array>) => void, string, string]>([
    ["no last one", (set) => delete set["b.tar.004"], "VOLUME_MISSING", 'part 4, "b.tar.004", in '],
    [
      "none but the first",
      (set) => ["b.tar.002", "b.tar.003", "b.tar.004"].map((name) => Reflect.deleteProperty(set, name)),
      "VOLUME_MISSING",
      "part 2",
    ],
    [
      "the last one cut off",
      (set) => (set["b.tar.004"] = set["b.tar.004"]!.subarray(1)),
      "BUNDLE_INVALID",
      `part 4 of 4, "*/b.tar.004" to have ${100 * KIB + 123} bytes, got ${100 * KIB + 122}: it was cut off`,
    ],
    [
      "one in the middle cut off",
      (set) => (set["b.tar.002"] = set["b.tar.002"]!.subarray(7)),
      "BUNDLE_INVALID",
      `part 2 of 4, "*/b.tar.002" to have ${200 * KIB} bytes, got ${200 * KIB - 7}: it was cut off`,
    ],
    [
      "the last one too long",
      (set) => (set["b.tar.004"] = Buffer.concat([set["b.tar.004"]!, Buffer.alloc(9)])),
      "BUNDLE_INVALID",
      "it is too long",
    ],
    [
      "one too many",
      (set) => (set["b.tar.005"] = Buffer.alloc(9)),
      "BUNDLE_INVALID",
      'which ends in part 4 of 5, "*/b.tar.004", got also part 5 of 5, "*/b.tar.005": parts overlap',
    ],
    ["overlapping ones", (set) => (set["b.tar.002"] = bytes.subarray(100 * KIB, 400 * KIB)), "BUNDLE_INVALID", ""],
  ])("without a volumes file, by the bundle's size: %s", async (_name, change, code, message) => {
    const set = await setOf("b.tar", cutInto(bytes, 200 * KIB), false);
    change(set);
    await writeFiles(a, set);
    await using source = await opened([a]);
    if (!isSizeExplainer(source)) throw new Error("expected a source that explains its size");
    const error = source.sizeError(bytes.length);
    expect(error).toMatchObject({ code });
    expect(error.message.replaceAll(a, "*")).toContain(message);
  });
});

describe("a tolerant reader", () => {
  test("gets all that is there, each byte where it should be", async () => {
    for (const withVolumes of [true, false]) {
      const set = await setOf("b.tar", cutInto(bytes, 200 * KIB), withVolumes);
      delete set["b.tar.002"];
      set["b.tar.003"] = set["b.tar.003"]!.subarray(0, 1000);
      await using place = await TempFolder.create();
      await writeFiles(place.path, set);
      await using source = await opened([place.path], { tolerant: true });
      expect(source.size).toBe(bytes.length);
      expect(bytes.subarray(600 * KIB).equals(await source.read(600 * KIB, 100 * KIB + 123))).toBe(true);
      expect(bytes.subarray(400 * KIB, 400 * KIB + 1000).equals(await source.read(400 * KIB, 1000))).toBe(true);
      for (const length of [KIB, 300 * KIB]) {
        expect((await failureOf(() => source.read(200 * KIB, length))).code).toBe("VOLUME_MISSING");
        expect((await failureOf(() => source.digest(150 * KIB, length + 50 * KIB, "sha256"))).code).toBe(
          "VOLUME_MISSING",
        );
        expect((await failureOf(() => source.checksum(400 * KIB, length))).code).toBe("BUNDLE_INVALID");
      }
      expect((await failureOf(() => source.digest(400 * KIB, 290 * KIB, "sha256"))).message).toContain("got 1000");
      expect(isPlacedSource(source) && source.placeOf(400 * KIB)?.path).toBe(place.file("b.tar.003"));
      // Where whoever heals the bundle makes it anew.
      expect(isPlacedSource(source) && source.placeOf(200 * KIB)?.path).toBe(place.file("b.tar.002"));
    }
  });

  test("gets parts that are of another set, or too long, too", async () => {
    const set = await setOf("b.tar", parts);
    set["b.tar.002"] = other.subarray(0, 400 * KIB);
    set["b.tar.004"] = Buffer.from("more");
    await writeFiles(a, set);
    await using source = await opened([a], { tolerant: true });
    expect(source.size).toBe(bytes.length);
    expect(bytes.subarray(600 * KIB).equals(await source.read(600 * KIB, 100 * KIB + 123))).toBe(true);
    expect(other.subarray(0, 300 * KIB).equals(await source.read(300 * KIB, 300 * KIB))).toBe(true);
  });

  test("hears of it where nobody knows how large a missing part is", async () => {
    await writeFiles(a, { "b.tar.002": parts[1]! });
    expect((await failureOf(() => openMedium([a], { tolerant: true }))).code).toBe("VOLUME_MISSING");
  });
});

describe("in a ZIP", () => {
  test("a stored bundle is read where it lies", async () => {
    await writeFiles(a, {
      "upload.zip": makeZip([
        { name: "x/readme", bytes: Buffer.from("x") },
        { name: "x/b.tar", bytes },
      ]),
    });
    await expectWhole([`${a}/upload.zip`]);
    await expectWhole([a]);
    await using source = await opened([a]);
    expect(isPlacedSource(source) && source.placeOf(5)).toBeUndefined();
  });

  test("a deflated bundle is read once, and the user is told", async () => {
    await writeFiles(a, { "upload.zip": makeZip([{ name: "b.tar", bytes, method: "deflate", streamed: true }]) });
    await expectWhole([`${a}/upload.zip`], "sequential");
    const { notes, source } = await openMedium([a]);
    await source[Symbol.asyncDispose]();
    expect(notes).toEqual([expect.stringContaining("is packed: it is read once, from its start to its end")]);
    const error = await failureOf(() => openRandomMedium([a]));
    expect(error.code).toBe("USAGE");
    expect(error.hint).toContain("unpack");
  });

  test.each(["store", "deflate"] as const)("parts lie in several, beside some that do not (%s)", async (method) => {
    const set = Object.entries(await setOf("b.tar", cutInto(bytes, 150 * KIB)));
    const file = (at: number) => ({ name: `w/${set[at]![0]}`, bytes: set[at]![1], method });
    await writeFiles(a, { "1.zip": makeZip([file(2), file(0)]), "2.zip": makeZip([file(5), file(1)]) });
    await writeFiles(b, { [set[3]![0]]: set[3]![1], [set[4]![0]]: set[4]![1] });
    await expectWhole([b, a], method === "store" ? "random" : "sequential");
    await expectWhole([`${a}/2.zip`, b, `${a}/1.zip`], method === "store" ? "random" : "sequential");
  });

  test("deflated parts that end early, or go on, are named", async () => {
    for (const withVolumes of [true, false]) {
      const set = await setOf("b.tar", parts, withVolumes);
      const files = Object.entries(set).map(([name, part]) => ({ name, bytes: part, method: "deflate" as const }));
      await writeFiles(a, { "x.zip": makeZip(files) });
      for (const missing of [1, 0]) {
        const { source } = await openMedium([a]);
        await using _source = source;
        if (!("expectEnd" in source)) throw new Error("expected a source to be read once");
        await buffer(source.stream(bytes.length - missing));
        if (missing > 0) expect((await failureOf(() => source.expectEnd())).message).toContain("got more");
        else
          expect((await failureOf(() => source.read(1))).code).toBe(withVolumes ? "BUNDLE_INVALID" : "VOLUME_MISSING");
        expect(isPartedSource(source) && (await source.nameParts(300 * KIB, 1))).toContain('b.tar.002" in ');
      }
    }
  });

  test("two bundles are one too many", async () => {
    await writeFiles(a, {
      "x.zip": makeZip([
        { name: "b.tar", bytes },
        { name: "c.tar", bytes: other, method: "deflate" },
      ]),
    });
    const error = await failureOf(() => openMedium([a]));
    expect(error.code).toBe("USAGE");
    expect(error.message).toContain(`got 2: "b.tar" in "${a}/x.zip", "c.tar" in "${a}/x.zip"`);
  });

  test("an encrypted one cannot be read, alone or beside others", async () => {
    const sealed = { name: "b.tar", bytes, flags: 1 };
    await writeFiles(a, { "x.zip": makeZip([sealed]) });
    await writeFiles(b, { "x.zip": makeZip([sealed, { name: "readme", bytes: Buffer.from("x") }]) });
    for (const paths of [[`${a}/x.zip`], [a], [b]]) {
      const error = await failureOf(() => openMedium(paths));
      expect(error).toMatchObject({ code: "BUNDLE_INVALID", exitCode: 3 });
      expect(error.message).toContain("got it encrypted");
      expect(error.hint).toContain("password");
    }
  });

  test("damaged, it is an error if it was named, or nothing else is there", async () => {
    await writeFiles(a, { "x.zip": makeZip([{ name: "../b.tar", bytes }]) });
    for (const path of [a, `${a}/x.zip`]) {
      expect((await failureOf(() => openMedium([path]))).message).toContain("to stay within it");
    }
    await writeFiles(a, { "b.tar": bytes });
    await expectWhole([a]);
  });

  test("split, it is an error that says how to join it", async () => {
    const zip = makeZip([{ name: "b.tar", bytes }]);
    zip.writeUInt16LE(1, zip.length - 22 + 4);
    const pieces = {
      "x.zip": zip.subarray(1000),
      "x.z01": Buffer.concat([Buffer.from("PK\x07\x08"), zip.subarray(0, 1000)]),
    };
    await writeFiles(a, pieces);
    const error = await failureOf(() => openMedium([`${a}/x.zip`]));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toContain("got a part of a split one");
    expect(error.hint).toContain("unpack it with the program that made it");
    expect((await failureOf(() => openMedium([`${a}/x.z01`]))).code).toBe("BUNDLE_INVALID");
  });

  test("without a bundle, the names in it are told", async () => {
    await writeFiles(a, { "x.zip": makeZip([{ name: "readme", bytes: Buffer.from("x") }]) });
    const error = await failureOf(() => openMedium([`${a}/x.zip`]));
    expect(error.message).toBe(`expected a bundle or its parts in "${a}/x.zip", got "readme"`);
  });
});

describe("compressed as a whole", () => {
  test("by gzip, whatever its name, with a note", async () => {
    await writeFiles(a, {
      "b.tar": gzipSync(bytes),
      "b.gz": Buffer.concat([gzipSync(bytes.subarray(0, 9)), gzipSync(bytes.subarray(9))]),
    });
    for (const name of ["b.tar", "b.gz"]) await expectWhole([`${a}/${name}`], "sequential");
    expect((await failureOf(() => openMedium([a]))).code).toBe("FILE_NOT_FOUND");
    await rm(`${a}/b.gz`);
    await expectWhole([a], "sequential");
    const { notes, source } = await openMedium([`${a}/b.tar`]);
    await source[Symbol.asyncDispose]();
    expect(notes).toEqual([expect.stringMatching(/is compressed as a whole \(gzip\): it is read once.*gunzip --keep/)]);
  });

  test("by zstd, also in several frames, with a note", async () => {
    const blocks = cutInto(bytes, 128 * KIB).map(rawBlock);
    const packed = Buffer.concat([frame(blocks.slice(0, 2)), skippableFrame("index"), frame(blocks.slice(2))]);
    await writeFiles(a, { "b.tar": packed });
    await expectWhole([`${a}/b.tar`], "sequential");
    const { notes, source } = await openMedium([`${a}/b.tar`]);
    await source[Symbol.asyncDispose]();
    expect(notes).toEqual([expect.stringMatching(/is compressed as a whole \(zstd\).*unzstd --keep/)]);
    for (const [wrong, message] of [
      [packed.subarray(0, -10), "an end within a frame"],
      [Buffer.concat([packed, Buffer.from("garbage")]), "something between its frames"],
      [frame(blocks, { windowDescriptor: 31 << 3 }), "a zstd window of at most"],
    ] as const) {
      await writeFiles(a, { "b.tar": wrong });
      const error = await failureOf(async () => contentOf(await openMedium([`${a}/b.tar`])));
      expect(error.code).toBe("BUNDLE_INVALID");
      expect(error.message).toContain(message);
    }
  });

  test("by zstd, a bomb is left where the bundle should end", async () => {
    const zeros = Array.from({ length: 8 * KIB }, () => rleBlock(0, 128 * KIB));
    await writeFiles(a, { "b.tar.zst": Buffer.concat([frame(cutInto(bytes, 128 * KIB).map(rawBlock)), frame(zeros)]) });
    const error = await failureOf(async () => contentOf(await openMedium([`${a}/b.tar.zst`])));
    expect(error.message).toContain("got more");
  });

  test.each<[string, Uint8Array]>([
    ["cut off", gzipSync(bytes).subarray(0, -9)],
    ["followed by something", Buffer.concat([gzipSync(bytes), Buffer.from("something")])],
    ["followed by zeros, and something", Buffer.concat([gzipSync(bytes), Buffer.alloc(600), Buffer.from("x")])],
    ["followed by zeros", Buffer.concat([gzipSync(bytes), Buffer.alloc(600)])],
    ["damaged", Buffer.from(gzipSync(bytes)).fill(0x55, 1000, 1010)],
  ])("%s, it is refused", async (_name, packed) => {
    await writeFiles(a, { "b.tar.gz": packed });
    const error = await failureOf(async () => contentOf(await openMedium([`${a}/b.tar.gz`])));
    expect(error.code).toBe("BUNDLE_INVALID");
    expect(error.message).toContain("to be gzip up to its end, got: ");
  });

  test("a bomb is left where the bundle should end", async () => {
    await writeFiles(a, { "b.tar.gz": gzipSync(Buffer.concat([bytes, Buffer.alloc(100 * KIB * KIB)])) });
    const error = await failureOf(async () => contentOf(await openMedium([`${a}/b.tar.gz`])));
    expect(error.message).toContain("got more");
  });
});
