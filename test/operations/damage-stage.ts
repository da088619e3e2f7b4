import { readFile } from "node:fs/promises";
import { type BundleLayout, type DamageRequest, encodeRequest, parseRequest } from "../../src/bundle/format/index.js";
import { SealiftError } from "../../src/errors/index.js";
import type { Digest } from "../../src/oci/index.js";
import { type DamageReport, findDamage } from "../../src/operations/find-damage.js";
import { type MakePatchResult, makePatch } from "../../src/operations/make-patch.js";
import { type QuickVerifyResult, quickVerifyBundle } from "../../src/operations/quick-verify.js";
import { openBundle } from "../../src/operations/read/open-bundle.js";
import { repairBundle } from "../../src/operations/repair.js";
import type { RandomAccessSink, RandomAccessSource, RepairTarget } from "../../src/ports/index.js";
import type { TrustPolicy } from "../../src/signing/index.js";
import { noiseLayer, sampleImage, sampleLayer } from "../support/images.js";
import { MemorySource } from "../support/memory-source.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

const quiet = () => undefined;

/** A good bundle in memory, of two images: `small:1`, and `large:1` with a layer of several chunks. */
export class DamageStage implements AsyncDisposable {
  readonly scene: Scene;
  readonly good: Buffer;
  readonly layout: BundleLayout;
  readonly indexDigest: Digest;

  private constructor(scene: Scene, good: Buffer, layout: BundleLayout, indexDigest: Digest) {
    this.scene = scene;
    this.good = good;
    this.layout = layout;
    this.indexDigest = indexDigest;
  }

  static async create(): Promise<DamageStage> {
    const scene = await Scene.create();
    const shared = await sampleLayer({ "etc/motd": "ahoy" });
    const small = await noiseLayer(100_000, "small");
    storeImage(scene.near.storage, "small", "1", sampleImage({ layers: [shared, small] }));
    storeImage(
      scene.near.storage,
      "large",
      "1",
      sampleImage({ layers: [shared, await noiseLayer(9_000_000, "large")] }),
    );
    await scene.export(["small:1", "large:1"]);
    const good = await readFile(scene.bundle);
    const { layout, indexDigest } = await openBundle(new MemorySource(good), scene.keys.trust);
    return new DamageStage(scene, good, layout, indexDigest);
  }

  get trust(): TrustPolicy {
    return this.scene.keys.trust;
  }

  /** A copy of the good bundle, for damaging. */
  copy(): Buffer {
    return Buffer.from(this.good);
  }

  async find(source: RandomAccessSource, trust: TrustPolicy = this.trust): Promise<DamageReport> {
    return await findDamage({ source, trust, onEvent: quiet });
  }

  async quick(source: RandomAccessSource): Promise<QuickVerifyResult> {
    return await quickVerifyBundle({ source, trust: this.trust, onEvent: quiet });
  }

  /** The patch for a request, which goes through its file. */
  async patch(request: DamageRequest, near: Uint8Array = this.good): Promise<Buffer> {
    return (await this.makePatch(request, near)).patch;
  }

  async makePatch(
    request: DamageRequest,
    near: Uint8Array,
  ): Promise<{ readonly patch: Buffer; readonly result: MakePatchResult }> {
    const sink = new MemorySink();
    const result = await makePatch({
      source: new MemorySource(near),
      trust: this.trust,
      request: parseRequest(encodeRequest(request), "the request"),
      openSink: async () => sink,
      onEvent: quiet,
    });
    return { patch: sink.committed, result };
  }

  async repair(copy: DamagedCopy, patch: Uint8Array, trust: TrustPolicy = this.trust): Promise<number> {
    return await repairBundle({
      source: copy,
      trust,
      patch: new MemorySource(patch),
      openTarget: async () => copy.target,
      onEvent: quiet,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}

/** A damaged copy in memory, of which stretches may be missing, as when parts are. */
export class DamagedCopy extends MemorySource {
  bytes: Buffer;
  #missing: readonly (readonly [start: number, end: number])[];
  /** What was written, in this order. */
  readonly writes: { readonly position: number; readonly length: number }[] = [];

  constructor(bytes: Buffer, missing: readonly (readonly [start: number, end: number])[] = []) {
    super(bytes);
    this.bytes = bytes;
    this.#missing = missing;
  }

  override get size(): number {
    return this.bytes.length;
  }

  override async read(position: number, length: number): Promise<Uint8Array> {
    if (this.#missing.some(([start, end]) => position < end && position + length > start)) {
      throw new SealiftError("VOLUME_MISSING", "a part is missing");
    }
    if (position + length > this.size) throw new SealiftError("BUNDLE_INVALID", "the source ends before");
    return this.bytes.subarray(position, position + length);
  }

  /** The same after what was missing has been made, as it is when it is opened anew. */
  reopened(): DamagedCopy {
    return new DamagedCopy(this.bytes);
  }

  readonly target: RepairTarget = {
    write: async (position, bytes) => {
      this.writes.push({ position, length: bytes.length });
      const grown = Buffer.alloc(Math.max(this.bytes.length, position + bytes.length));
      grown.set(this.bytes);
      grown.set(bytes, position);
      this.bytes = grown;
    },
    trim: async (size) => {
      this.bytes = this.bytes.subarray(0, size);
    },
    sync: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** A file in memory that is there once it was committed. */
class MemorySink implements RandomAccessSink {
  readonly order = "any";
  #bytes = Buffer.alloc(0);
  #isCommitted = false;

  get committed(): Buffer {
    if (!this.#isCommitted) throw new Error("nothing was committed");
    return this.#bytes;
  }

  async allocate(size: number): Promise<void> {
    this.#bytes = Buffer.alloc(size);
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (position + bytes.length > this.#bytes.length) throw new Error("more is written than was allocated");
    this.#bytes.set(bytes, position);
  }

  async commit(): Promise<void> {
    this.#isCommitted = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
