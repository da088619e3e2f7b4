import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type DamageRequest, HEAD_REQUEST, rangesRequest } from "../../src/bundle/format/index.js";
import { digestOf } from "../../src/oci/index.js";
import { failureOf } from "../support/errors.js";
import { DamagedCopy, DamageStage } from "./damage-stage.js";

let stage: DamageStage;

beforeAll(async () => {
  stage = await DamageStage.create();
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

describe("the near side", () => {
  const layerOf = () => stage.layout.entries.find(({ size }) => size > 8_000_000)!;

  async function requestFor(at: number): Promise<DamageRequest> {
    const copy = stage.copy();
    copy.fill(0x55, at, at + 10);
    const report = await stage.find(new DamagedCopy(copy));
    if (report.kind !== "damaged" || report.request === undefined) throw new Error("nothing is damaged");
    return report.request;
  }

  test("that is damaged itself cannot poison a patch, wherever in the entry it is", async () => {
    const { position, size } = layerOf();
    const request = await requestFor(position + 5_000_000);
    for (const at of [position, position + 5_000_000, position + size - 1]) {
      const near = stage.copy();
      near.fill(0x55, at, at + 1);
      expect((await failureOf(() => stage.patch(request, near))).code).toBe("DIGEST_MISMATCH");
    }
  });

  test("that has a damaged header cannot poison one either", async () => {
    const near = stage.copy();
    near.fill(0x55, layerOf().headerPosition, layerOf().headerPosition + 5);
    expect((await failureOf(async () => stage.patch(await requestFor(layerOf().position), near))).code).toBe(
      "BUNDLE_INVALID",
    );
  });

  test("refuses a request for another bundle, and for another form of this one", async () => {
    const request = await requestFor(layerOf().position);
    if (request.kind !== "ranges") throw new Error("not of ranges");
    const other = digestOf(Buffer.from("another"));
    expect((await failureOf(() => stage.patch({ ...request, index: other }))).message).toMatch(/got one for sha256:/);
    const failure = await failureOf(() => stage.patch({ ...request, size: request.size + 512 }));
    expect(failure).toMatchObject({ code: "CONFIG_INVALID", hint: expect.stringMatching(/other form/) as string });
  });

  test("gives what is asked for, byte for byte, and no more", async () => {
    const { sigstoreBundle, size } = stage.layout;
    const { patch, result } = await stage.makePatch(HEAD_REQUEST, stage.good);
    const length = sigstoreBundle.position + sigstoreBundle.size;
    expect(result).toMatchObject({ indexDigest: stage.indexDigest, ranges: 1, bytes: length, size: patch.length });
    expect(patch.includes(stage.good.subarray(0, length))).toBe(true);
    const { patch: end } = await stage.makePatch(
      rangesRequest(stage.indexDigest, size, [{ position: size - 3, length: 3 }]),
      stage.good,
    );
    expect(end.length).toBeLessThan(4096);
  });
});
