import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Descriptor, digestOf, MEDIA_TYPE } from "../../src/oci/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { sampleReferrer } from "../support/referrers.js";
import { storeImage } from "../support/store-image.js";
import { exchange } from "./exchange.js";

const SUBJECT = { mediaType: MEDIA_TYPE.ociManifest, digest: digestOf(Buffer.from("subject")), size: 7 };
const SBOM = sampleReferrer(SUBJECT, "a/sbom", "an SBOM", { annotations: { made: "today" } });
const SIGNATURE = sampleReferrer(SUBJECT, "a/signature", "a signature");
let registry: RegistryServer;

beforeAll(async () => {
  registry = await startRegistry();
  for (const referrer of [SBOM, SIGNATURE]) storeImage(registry.storage, "app", undefined, referrer);
  registry.storage.putManifest("app", "garbage", "text/plain", Buffer.from("no JSON"));
});

afterAll(async () => await registry.close());

async function list(path: string) {
  const got = await exchange(registry, "GET", path);
  const { manifests } = JSON.parse(got.body) as { manifests: Descriptor[] };
  return { ...got, types: manifests.map(({ artifactType }) => artifactType).sort(), manifests };
}

describe("the referrers of a manifest", () => {
  test("are those that name it as their subject, described by their own words", async () => {
    const { status, headers, types, manifests } = await list(`/v2/app/referrers/${SUBJECT.digest}`);
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe(MEDIA_TYPE.ociIndex);
    expect(types).toEqual(["a/sbom", "a/signature"]);
    const annotations = { made: "today" };
    expect(manifests).toContainEqual({ ...SBOM.root.descriptor, artifactType: "a/sbom", annotations });
  });

  test("are filtered by their type, and the answer says so", async () => {
    const { headers, types } = await list(`/v2/app/referrers/${SUBJECT.digest}?artifactType=a/sbom`);
    expect(headers["oci-filters-applied"]).toBe("artifactType");
    expect(types).toEqual(["a/sbom"]);
  });

  test.each([`/v2/app/referrers/${digestOf(Buffer.from("else"))}`, `/v2/other/referrers/${SUBJECT.digest}`])(
    "are none at %s",
    async (path) => expect((await list(path)).manifests).toEqual([]),
  );

  test("of something else than a digest are refused", async () => {
    expect((await exchange(registry, "GET", "/v2/app/referrers/latest")).status).toBe(400);
  });
});

test("a manifest with a subject is taken, whether that is there or not, and the answer names it", async () => {
  const { bytes, descriptor } = SIGNATURE.root;
  const headers = { "content-type": descriptor.mediaType };
  const put = async (body: Buffer) => await exchange(registry, "PUT", "/v2/app/manifests/x", { headers, body });
  expect(await put(Buffer.from(bytes))).toMatchObject({ status: 201, headers: { "oci-subject": SUBJECT.digest } });
  const plain = Buffer.from(sampleReferrer(undefined, "a/b", "a signature").root.bytes);
  expect((await put(plain)).headers).not.toHaveProperty("oci-subject");
});
