import { writeFileSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openMedium, type SequentialMedium } from "../../../src/bundle/index.js";
import { SealiftError } from "../../../src/errors/index.js";
import { failureOf } from "../../support/errors.js";
import { cutInto, likeBundle, setOf, writeFiles } from "../../support/media.js";
import { TempFolder } from "../../support/temp-folder.js";
import { makeZip } from "../../support/zip.js";

const KIB = 1024;
const bytes = likeBundle(2500 * KIB);
const parts = cutInto(bytes, 1024 * KIB);

let folder: TempFolder;
let stick: string;
beforeEach(async () => {
  folder = await TempFolder.create();
  stick = folder.file("stick");
  await mkdir(stick);
});
afterEach(() => folder[Symbol.asyncDispose]());

/** Another stick in the place of the one before. */
async function insert(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await rm(stick, { recursive: true });
  await writeFiles(stick, files);
}

/** Opens what is in the stick's place; each question is answered by the next action. */
async function open(actions: (() => Promise<void>)[], asked: string[] = []): Promise<SequentialMedium> {
  const medium = await openMedium([stick], {
    volumePrompt: {
      ask: async (request) => {
        asked.push(request.replaceAll(stick, "*"));
        const action = actions.shift();
        if (action === undefined) throw new SealiftError("INTERRUPTED", "nothing more was expected to be asked");
        await action();
      },
    },
  });
  if (medium.kind !== "sequential") throw new Error("expected a bundle that is read once");
  return medium;
}

async function contentOf({ source }: SequentialMedium): Promise<Buffer> {
  const content = await buffer(source.stream(bytes.length));
  await source.expectEnd();
  await source[Symbol.asyncDispose]();
  return content;
}

describe("a bundle on one stick after the other", () => {
  test("is read though the folders of sticks to come are not there yet", async () => {
    const [first, second] = [folder.file("usb a"), folder.file("usb b")];
    const set = await setOf("b.tar", parts);
    const asked: string[] = [];
    const medium = await openMedium([first, second], {
      volumePrompt: {
        ask: async (request) => {
          asked.push(request);
          if (asked.length > 1) {
            await writeFiles(second, { "b.tar.003": set["b.tar.003"]! });
            return;
          }
          const { "b.tar.003": _, ...others } = set;
          await writeFiles(first, others);
        },
      },
    });
    if (medium.kind !== "sequential") throw new Error("expected a bundle that is read once");
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked).toEqual([expect.stringContaining("usb a"), expect.stringContaining("part 3 of 3")]);
  });

  test.each([true, false])("is read to its end, and no stick is asked for twice (volumes file: %s)", async (known) => {
    const set = await setOf("b.tar", parts, known);
    const volumes = known ? { "b.tar.volumes.json": set["b.tar.volumes.json"]! } : {};
    const of = known ? " of 3" : "";
    const asked: string[] = [];
    await insert({ "b.tar.001": parts[0]!, ...volumes });
    const medium = await open(
      [async () => insert({ "b.tar.002": parts[1]! }), async () => insert({ "b.tar.003": parts[2]! })],
      asked,
    );
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked).toEqual([
      `"*" has part 1. Insert the medium with part 2${of}, "b.tar.002", and press Enter`,
      `"*" has part 2. Insert the medium with part 3${of}, "b.tar.003", and press Enter`,
    ]);
  });

  test("that are all there is not asked for", async () => {
    await insert(await setOf("b.tar", parts));
    const { kind, source } = await openMedium([stick], { volumePrompt: { ask: undefined } });
    await source[Symbol.asyncDispose]();
    expect(kind).toBe("random");
  });

  test("is worked on before the next one is asked for", async () => {
    const set = await setOf("b.tar", parts);
    await insert({ "b.tar.001": parts[0]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! });
    const asked: string[] = [];
    const { source } = await open([async () => insert(set)], asked);
    await source.read(KIB);
    await source.peek(KIB);
    await buffer(source.stream(1023 * KIB));
    // What reads ahead has had all the time it takes.
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked).toEqual([]);
    await source.peek(1);
    expect(asked).toHaveLength(1);
    await source[Symbol.asyncDispose]();
  });

  test("that holds something else is told from the one that is wanted", async () => {
    const set = await setOf("b.tar", parts);
    const stale = cutInto(likeBundle(2500 * KIB), 1024 * KIB);
    await insert({ "b.tar.001": parts[0]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! });
    const asked: string[] = [];
    const medium = await open(
      [
        async () => insert({ "b.tar.003": parts[2]! }),
        async () => insert({ "b.tar.002": stale[1]! }),
        async () => insert({ "b.tar.002": parts[1]!.subarray(5) }),
        async () => insert({ "photo.jpg": Buffer.from("x") }),
        async () => rm(stick, { recursive: true }),
        async () =>
          writeFiles(stick, { "x.zip": makeZip([{ name: "b.tar.002", bytes: parts[1]!, method: "deflate" }]) }),
        async () => insert({ "b.tar.003": parts[2]! }),
      ],
      asked,
    );
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    const insert2 = 'Insert the medium with part 2 of 3, "b.tar.002", and press Enter';
    expect(asked).toEqual([
      `"*" has part 1. ${insert2}`,
      `"*" has part 3. ${insert2}`,
      expect.stringMatching(/^This is not it: expected "\*\/b\.tar\.002" to be part 2 of 3.*older one of that name\. /),
      expect.stringMatching(/^This is not it: .* it was cut off\. /),
      `"*" has no part of it. ${insert2}`,
      `"*" has no part of it. ${insert2}`,
      '"*", "*/x.zip" has part 2. Insert the medium with part 3 of 3, "b.tar.003", and press Enter',
    ]);
  });

  test("whose volumes file comes with the last one is known from then on", async () => {
    const { "b.tar.003": last, "b.tar.volumes.json": volumes } = await setOf("b.tar", parts);
    await insert({ "b.tar.001": parts[0]! });
    const asked: string[] = [];
    const medium = await open(
      [
        async () => insert({ "b.tar.003": last!, "b.tar.volumes.json": volumes! }),
        async () => insert({ "b.tar.002": parts[1]! }),
        async () => insert({ "b.tar.003": last!, "b.tar.volumes.json": volumes! }),
      ],
      asked,
    );
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked[1]).toContain('part 2 of 3, "b.tar.002"');
  });

  test("begins with any of them, even if the first one is not there yet", async () => {
    await insert({ "b.tar.002": parts[1]! });
    const asked: string[] = [];
    const medium = await open([async () => insert(await setOf("b.tar", parts))], asked);
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked).toEqual(['"*" has part 2. Insert the medium with part 1, "b.tar.001", and press Enter']);
  });

  test("may find none of them at first", async () => {
    const asked: string[] = [];
    const set = await setOf("b.tar", parts);
    const medium = await openMedium([stick], {
      volumePrompt: {
        ask: async (request) => {
          asked.push(request.replaceAll(stick, "*"));
          await insert(asked.length === 1 ? { "photo.jpg": Buffer.from("x") } : set);
        },
      },
    });
    await medium.source[Symbol.asyncDispose]();
    expect(asked).toEqual([
      'expected a bundle or its parts in "*", got no file. Insert a medium with a part of the bundle, and press Enter',
      'expected a bundle or its parts in "*", got "photo.jpg". Insert a medium with a part of the bundle, and press Enter',
    ]);
  });

  test("nothing more than the bundle may be there", async () => {
    await insert({ "b.tar.001": parts[0]! });
    const { source } = await open([async () => insert(await setOf("b.tar", [...parts, Buffer.from("more")], false))]);
    await using _source = source;
    await buffer(source.stream(bytes.length));
    expect((await failureOf(() => source.expectEnd())).message).toContain("got more");
  });

  test("without anybody to ask, the part that is missing is an error at once", async () => {
    await insert({ "b.tar.001": parts[0]! });
    const { source } = await openMedium([stick], { volumePrompt: { ask: undefined } });
    await using _source = source;
    if (!("expectEnd" in source)) throw new Error("expected a bundle that is read once");
    const error = await failureOf(() => buffer(source.stream(bytes.length)));
    expect(error).toMatchObject({ code: "VOLUME_MISSING", exitCode: 7 });
    expect(error.message).toBe(`expected part 2, "b.tar.002", in "${stick}", got no such file`);
  });

  test("is left when the user wants to stop", async () => {
    await insert({ "b.tar.001": parts[0]! });
    const medium = await open([]);
    expect((await failureOf(() => contentOf(medium))).code).toBe("INTERRUPTED");
    expect(await readdir(stick)).toEqual(["b.tar.001"]);
  });

  test("is asked for again where the next stick has a torn volumes file", async () => {
    const set = await setOf("b.tar", parts);
    const torn = set["b.tar.volumes.json"]!.subarray(0, 100);
    await insert({ "b.tar.001": parts[0]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! });
    const asked: string[] = [];
    const medium = await open(
      [async () => insert({ "b.tar.002": parts[1]!, "b.tar.volumes.json": torn }), async () => insert(set)],
      asked,
    );
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked[1]).toMatch(/^This is not it: .*volumes file.* Insert the medium with part 2 of 3/s);
  });

  test("is asked for again where last week's stick is in a second port", async () => {
    const [first, second] = [folder.file("usb a"), folder.file("usb b")];
    const set = await setOf("b.tar", parts);
    const old = await setOf("b.tar", cutInto(likeBundle(2500 * KIB), 1024 * KIB));
    const { "b.tar.003": last, "b.tar.volumes.json": oldVolumes } = old;
    await writeFiles(first, { "b.tar.001": parts[0]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! });
    const asked: string[] = [];
    const medium = await openMedium([first, second], {
      volumePrompt: {
        ask: async (request) => {
          asked.push(request);
          if (asked.length === 1) {
            await writeFiles(second, { "b.tar.003": last!, "b.tar.volumes.json": oldVolumes! });
            return;
          }
          await rm(second, { recursive: true });
          await writeFiles(first, set);
        },
      },
    });
    if (medium.kind !== "sequential") throw new Error("expected a bundle that is read once");
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toMatch(/^This is not it: .*two that differ/);
  });

  test("is asked for again where a stick has more files than are looked at", async () => {
    const set = await setOf("b.tar", parts);
    await insert({ "b.tar.001": parts[0]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! });
    const asked: string[] = [];
    const many = async (): Promise<void> => {
      await insert({});
      for (let at = 0; at <= 10_000; at += 1) writeFileSync(`${stick}/${at}`, "");
    };
    const medium = await open([many, async () => insert(set)], asked);
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked[1]).toMatch(/^This is not it: expected at most 10000 files/);
  });

  test.each([true, false])("is not judged by last week's volumes file (its part: %s)", async (withPart) => {
    const set = await setOf("b.tar", parts);
    const { "b.tar.volumes.json": oldVolumes, ...old } = await setOf(
      "b.tar",
      cutInto(likeBundle(2500 * KIB), 1024 * KIB),
    );
    await insert({ "b.tar.001": parts[0]! });
    const asked: string[] = [];
    const medium = await open(
      [
        async () =>
          insert({ "b.tar.volumes.json": oldVolumes!, ...(withPart ? { "b.tar.002": old["b.tar.002"]! } : {}) }),
        async () => insert({ "b.tar.002": parts[1]!, "b.tar.volumes.json": oldVolumes! }),
        async () => insert({ "b.tar.003": parts[2]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! }),
      ],
      asked,
    );
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    const insert2 = 'Insert the medium with part 2, "b.tar.002", and press Enter';
    const leftOut = '"*/b.tar.volumes.json" is left out: it is not known to be of the parts that were read. ';
    expect(asked[1]).toBe(
      withPart
        ? 'This is not it: expected "*/b.tar.002" to be part 2 of the set whose first part was read, ' +
            `got the one that "*/b.tar.volumes.json" lists, which is of another set. ${insert2}`
        : `"*" has no part of it. ${leftOut}${insert2}`,
    );
    expect(asked[2]).toBe(`"*" has part 2. ${leftOut}Insert the medium with part 3, "b.tar.003", and press Enter`);
  });

  test("is not judged by last week's volumes file that came before any part was read", async () => {
    const set = await setOf("b.tar", parts);
    const { "b.tar.003": last, "b.tar.volumes.json": oldVolumes } = await setOf(
      "b.tar",
      cutInto(likeBundle(2500 * KIB), 1024 * KIB),
    );
    await insert({ "b.tar.002": parts[1]! });
    const medium = await open([
      async () => insert({ "b.tar.003": last!, "b.tar.volumes.json": oldVolumes! }),
      async () => insert(set),
    ]);
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
  });

  test("is read though a file is where its folder was, which is named", async () => {
    const set = await setOf("b.tar", parts);
    await insert({ "b.tar.001": parts[0]!, "b.tar.volumes.json": set["b.tar.volumes.json"]! });
    const asked: string[] = [];
    const replace = async (): Promise<void> => {
      await rm(stick, { recursive: true });
      await writeFile(stick, "no folder");
    };
    const medium = await open([replace, async () => insert(set)], asked);
    expect((await contentOf(medium)).equals(bytes)).toBe(true);
    expect(asked[1]).toMatch(/^"\*" has no part of it\. /);
  });
});
