import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ChunkSummer,
  type DamageRequest,
  encodePatchIndex,
  HEAD_REQUEST,
  headerOf,
  loadXxh64,
  planPatch,
} from "../../src/bundle/format/index.js";
import { digestOf } from "../../src/oci/index.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { failureOf } from "../support/errors.js";
import { MemorySource } from "../support/memory-source.js";
import { DamagedCopy, DamageStage } from "./damage-stage.js";
import { reassemble } from "./reassemble.js";

let stage: DamageStage;

beforeAll(async () => {
  stage = await DamageStage.create();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe("a hostile patch", () => {
  const layerOf = () => stage.layout.entries.find(({ size }) => size > 8_000_000)!;
  const CHUNK = 4 * 2 ** 20;

  /** A patch that is whole, and has other bytes than the bundle. */
  function forge(ranges: readonly { readonly position: number; readonly bytes: Uint8Array }[], index?: object): Buffer {
    const described = ranges.map(({ position, bytes }) => ({
      position,
      length: bytes.length,
      sha256: digestOf(bytes).slice("sha256:".length),
    }));
    const head = encodePatchIndex({ index: stage.indexDigest, size: stage.layout.size, ranges: described, ...index });
    const layout = planPatch(head.length, described);
    const patch = Buffer.alloc(layout.size);
    for (const [at, file] of [layout.index, ...layout.ranges].entries()) {
      patch.set(headerOf(file), file.headerPosition);
      patch.set(at === 0 ? head : ranges[at - 1]!.bytes, file.position);
    }
    return patch;
  }

  async function expectUntouched(copy: Buffer, patch: Buffer, missing: [number, number][] = []): Promise<void> {
    const target = new DamagedCopy(Buffer.from(copy), missing);
    await stage.repair(target, patch);
    expect(target.writes).toEqual([]);
    expect(Buffer.compare(target.bytes, copy)).toBe(0);
  }

  test("cannot change an entry that is right", async () => {
    const { position } = layerOf();
    await expectUntouched(stage.good, forge([{ position, bytes: Buffer.alloc(100, 1) }]));
  });

  test("cannot change headers, padding, or the signature", async () => {
    const { layout } = stage;
    await expectUntouched(
      stage.good,
      forge([
        { position: layout.signature.position, bytes: Buffer.alloc(64, 1) },
        { position: layout.sigstoreBundle.position, bytes: Buffer.alloc(64, 1) },
        { position: layerOf().headerPosition, bytes: Buffer.alloc(512, 1) },
        { position: layout.size - 5, bytes: Buffer.alloc(5, 1) },
      ]),
    );
  });

  test("cannot change good chunks of a damaged entry, nor a damaged one to something else", async () => {
    const { position } = layerOf();
    const copy = stage.copy();
    copy.fill(0x55, position, position + 10);
    await expectUntouched(copy, forge([{ position, bytes: Buffer.alloc(2 * CHUNK, 1) }]));
  });

  test("cannot change good chunks to others with the same sum", async () => {
    const { position } = layerOf();
    const good = stage.good.subarray(position + CHUNK, position + 2 * CHUNK);
    const other = withSameSum(good);
    const xxh64 = await loadXxh64();
    expect(xxh64().update(other).digest()).toBe(xxh64().update(good).digest());
    const copy = stage.copy();
    copy.fill(0x55, position, position + 10);
    await expectUntouched(copy, forge([{ position: position + CHUNK, bytes: other }]));
  });

  test("cannot change a damaged entry whose sums are damaged, too", async () => {
    const { position } = layerOf();
    const copy = stage.copy();
    copy.fill(0x55, position, position + 10);
    copy.fill(0x55, stage.layout.chunkSums.position, stage.layout.chunkSums.position + 10);
    await expectUntouched(copy, forge([{ position, bytes: Buffer.alloc(2 * CHUNK, 1) }]));
  });

  test("cannot change sums that are whole", async () => {
    const { position, size } = stage.layout.chunkSums;
    await expectUntouched(stage.good, forge([{ position, bytes: Buffer.alloc(size, 1) }]));
  });

  test("that fills what is missing with something else leaves the bundle damaged, and a good one heals it", async () => {
    const { position } = layerOf();
    const end = position + CHUNK;
    const copy = stage.copy().fill(0, position, end);
    copy.fill(0, stage.layout.chunkSums.position);
    const target = new DamagedCopy(copy, [
      [position, end],
      [stage.layout.chunkSums.position, copy.length],
    ]);
    const { request } = (await stage.find(target)) as { request: DamageRequest };
    await stage.repair(target, forge([{ position, bytes: Buffer.alloc(CHUNK, 1) }]));
    const after = target.reopened();
    expect(await stage.find(after)).toMatchObject({ kind: "damaged" });
    await stage.repair(after, await stage.patch(request));
    expect(Buffer.compare(after.bytes, stage.good)).toBe(0);
  });

  test("for another bundle, or another form of it, is refused before anything is written", async () => {
    const { position } = layerOf();
    const bytes = Buffer.alloc(100, 1);
    const copy = stage.copy().fill(0x55, position, position + 10);
    for (const change of [{ index: digestOf(Buffer.from("another")) }, { size: stage.layout.size + 512 }]) {
      const target = new DamagedCopy(Buffer.from(copy));
      const failure = await failureOf(() => stage.repair(target, forge([{ position, bytes }], change)));
      expect(failure).toMatchObject({
        code: "BUNDLE_INVALID",
        message: expect.stringMatching(/expected a patch for/) as string,
      });
      expect(target.writes).toEqual([]);
    }
  });

  test("with the head of another bundle of the same key is refused, and with one that nobody trusted signed", async () => {
    const copy = stage.copy().fill(0, 0, 300);
    const other = await otherHead();
    const bytes = other.bytes.subarray(0, other.layout.sigstoreBundle.position + other.layout.sigstoreBundle.size);
    const target = new DamagedCopy(copy);
    const forged = forge([{ position: 0, bytes }], { index: other.indexDigest, size: other.layout.size });
    expect((await failureOf(() => stage.repair(target, forged))).message).toMatch(/which is another/);

    const changed = Buffer.from(stage.good.subarray(0, bytes.length));
    changed.write("evil", stage.layout.index.position + 100);
    expect((await failureOf(() => stage.repair(target, forge([{ position: 0, bytes: changed }])))).code).toBe(
      "SIGNATURE_INVALID",
    );
    expect(target.writes).toEqual([]);
  });

  test("of ranges is of no use while the head is damaged", async () => {
    const target = new DamagedCopy(stage.copy().fill(0, 0, 300));
    const patch = forge([{ position: layerOf().position, bytes: Buffer.alloc(10) }]);
    expect((await failureOf(() => stage.repair(target, patch))).hint).toMatch(/ask for them first/);
  });

  test("that was damaged on its way is refused, whichever byte it is", async () => {
    const { position } = layerOf();
    const patch = forge([{ position, bytes: stage.good.subarray(position, position + 600) }]);
    const target = new DamagedCopy(stage.copy());
    for (let at = 0; at < patch.length; at += 1) {
      const changed = Buffer.from(patch);
      changed.writeUInt8((patch[at] ?? 0) ^ 1, at);
      expect((await failureOf(() => stage.repair(target, changed))).exitCode).toBe(3);
    }
    for (const size of [0, 511, 512, patch.length - 1]) {
      expect((await failureOf(() => stage.repair(target, patch.subarray(0, size)))).exitCode).toBe(3);
    }
    expect(target.writes).toEqual([]);
  }, 60_000);

  test("cannot have sums of its own choice written, by which the next one overwrites good bytes", async () => {
    const { position, size } = layerOf();
    const { chunkSums } = stage.layout;
    const copy = stage.copy().fill(0x55, position, position + 10);
    copy.fill(0x55, chunkSums.position, chunkSums.position + 10);
    const garbage = Buffer.alloc(size, 0xee);
    const sums = await tableWith(garbage);
    const target = new DamagedCopy(Buffer.from(copy));
    await stage.repair(target, forge([{ position: chunkSums.position, bytes: sums }]));
    await stage.repair(target.reopened(), forge([{ position, bytes: garbage }]));
    expect(Buffer.compare(target.bytes, copy)).toBe(0);
  });

  test("cannot have sums written that are wrong of what is right: they are made anew", async () => {
    const { chunkSums } = stage.layout;
    const target = new DamagedCopy(stage.copy().fill(0x55, chunkSums.position, chunkSums.position + 10));
    for (const sums of [Buffer.alloc(chunkSums.size, 1), await tableWith(Buffer.alloc(layerOf().size, 0xee))]) {
      await stage.repair(target, forge([{ position: chunkSums.position, bytes: sums }]));
    }
    expect(Buffer.compare(target.bytes, stage.good)).toBe(0);
  });

  test("left sums that are wrong of what is right: the copy is not whole, and is healed", async () => {
    const sums = await tableWith(Buffer.alloc(layerOf().size, 0xee));
    const copy = stage.copy();
    copy.set(sums, stage.layout.chunkSums.position);
    const target = new DamagedCopy(copy);
    const report = await stage.find(target);
    expect(report).toMatchObject({ kind: "damaged", damage: [{ path: stage.layout.chunkSums.path }] });
    await stage.repair(target, await stage.patch((report as { request: DamageRequest }).request));
    expect(Buffer.compare(target.bytes, stage.good)).toBe(0);
  });

  describe("with a trusted head", () => {
    /** A patch with the good bundle's head. */
    const headPatch = () => stage.patch(HEAD_REQUEST);

    async function expectRefused(copy: Buffer, patch: Buffer, message: RegExp): Promise<void> {
      const before = Buffer.from(copy);
      const target = new DamagedCopy(copy);
      const failure = await failureOf(() => stage.repair(target, patch));
      expect(failure).toMatchObject({ code: "BUNDLE_INVALID", message: expect.stringMatching(message) as string });
      expect(Buffer.compare(target.bytes, before)).toBe(0);
    }

    test("of another bundle that begins alike does not replace the head of this one, nor cut it", async () => {
      // One layer of the same size is another: all else is where it was.
      const { index } = await openBundle(new MemorySource(stage.good), stage.trust);
      const last = index.entries.findIndex(({ path }) => path === layerOf().path);
      const digest = digestOf(Buffer.from("another layer"));
      const entries = index.entries.map((entry, at) =>
        at === last ? { ...entry, path: `blobs/sha256/${digest.slice(7)}`, digest } : entry,
      );
      const other = await reassemble(
        { bytes: stage.good, layout: stage.layout },
        { ...index, entries },
        stage.scene.keys,
      );
      // The Sigstore bundle of it would tell already.
      const copy = Buffer.concat([other, Buffer.alloc(600, 7)]).fill(0, 0, stage.layout.entries[0]!.headerPosition);
      await expectRefused(copy, await headPatch(), /which is another/);
    });

    test("of another bundle is told by the Sigstore bundle that is left", async () => {
      const { index } = await openBundle(new MemorySource(stage.good), stage.trust);
      const identity = { ...index.identity, serial: index.identity.serial + 1 };
      const other = await reassemble(
        { bytes: stage.good, layout: stage.layout },
        { ...index, identity },
        stage.scene.keys,
      );
      await expectRefused(
        other.fill(0, 0, stage.layout.signature.headerPosition),
        await headPatch(),
        /which is another/,
      );
    });

    test("does not overwrite an image's own JSON, nor anything else that is no bundle", async () => {
      const manifest = Buffer.from(JSON.stringify({ layers: [{ digest: `sha256:${"0".repeat(64)}`, size: 5 }] }));
      await expectRefused(manifest, await headPatch(), /./);
      await expectRefused(Buffer.alloc(stage.good.length, "sealift/notes "), await headPatch(), /none of its bytes/);
      const zeros = Buffer.alloc(stage.good.length);
      zeros.write("somebody's", zeros.length - 100);
      await expectRefused(zeros, await headPatch(), /none of its bytes/);
    });

    test("fills what is empty, or zeros, and cuts nothing in the run that wrote it", async () => {
      for (const bytes of [Buffer.alloc(0), Buffer.alloc(stage.good.length + 100)]) {
        const target = new DamagedCopy(bytes);
        expect(await stage.repair(target, await headPatch())).toBeGreaterThan(0);
        expect(target.bytes.length).toBeGreaterThanOrEqual(bytes.length);
        expect(await stage.find(target.reopened())).toMatchObject({ kind: "damaged" });
      }
      const longer = new DamagedCopy(Buffer.concat([stage.good, Buffer.alloc(100, 7)]).fill(0, 0, 300));
      await stage.repair(longer, await headPatch());
      expect(longer.bytes.length).toBe(stage.good.length + 100);
      await stage.repair(longer, await headPatch());
      expect(Buffer.compare(longer.bytes, stage.good)).toBe(0);
    });
  });

  /** Sums of the good bundle with other bytes in its large layer; they agree with each other. */
  async function tableWith(layer: Buffer): Promise<Buffer> {
    const summer = await ChunkSummer.create(stage.layout.entries);
    for (const [at, placed] of stage.layout.entries.entries()) {
      const { position, size, path } = placed;
      summer.update(at, 0, path === layerOf().path ? layer : stage.good.subarray(position, position + size));
    }
    return Buffer.from(summer.finish());
  }

  async function otherHead() {
    await stage.scene.export(["small:1"]);
    const bytes = await readFile(stage.scene.bundle);
    return { bytes, ...(await openBundle(new MemorySource(bytes), stage.trust)) };
  }
});

/**
 * Other bytes with the same XXH64: each eighth of 64 bytes of the first two
 * stripes is mixed in by a bijection, so the second can undo what the first did.
 * https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
function withSameSum(bytes: Buffer): Buffer {
  const [prime1, prime2] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn];
  const wrap = (value: bigint) => BigInt.asUintN(64, value);
  const round = (accumulator: bigint, lane: bigint) => {
    const sum = wrap(accumulator + lane * prime2);
    return wrap(((sum << 31n) | (sum >> 33n)) * prime1);
  };
  let inverse = 1n;
  // Newton's iteration doubles the number of right bits.
  for (let times = 0; times < 6; times += 1) inverse = wrap(inverse * (2n - prime2 * inverse));
  const start = wrap(prime1 + prime2);
  const [first, second] = [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(32)];
  const changed = Buffer.from(bytes);
  changed.writeBigUInt64LE(wrap(first + 1n), 0);
  const difference = round(start, first) - round(start, wrap(first + 1n));
  changed.writeBigUInt64LE(wrap(second + difference * inverse), 32);
  return changed;
}
