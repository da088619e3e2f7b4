import { describe, expect, test } from "vitest";
import type { RegistryRepository } from "../../src/registry/index.js";
import type { Quirks } from "../../src/registry-server/index.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { LAYER, MANIFEST, matching } from "./fixture.js";
import { given as givenBy, registry } from "./stage.js";

async function given(quirks: Quirks): Promise<RegistryRepository> {
  return await givenBy(quirks, { timeouts: { headers: 50, body: 50 }, retry: { tries: 1 } });
}

describe("a registry that sends a blob with", () => {
  test.each<[string, Quirks, string, RegExp]>([
    ["wrong bytes", { wrongBlobBytes: true }, "DIGEST_MISMATCH", /got bytes with digest sha256:/],
    ["too few bytes", { cutBlobs: true }, "UNREACHABLE", /got no whole answer from 127\.0\.0\.1:\d+/],
    ["half of its bytes, and then none", { stalledBlobs: true }, "UNREACHABLE", /body timeout|came within/i],
    ["too many bytes", { longBlobs: true }, "SIZE_MISMATCH", /expected 20 bytes .* got at least 24/],
    ["no bytes", { emptyBlobs: true }, "SIZE_MISMATCH", /expected 20 bytes .* got 0/],
  ])("%s", async (_what, quirks, code, message) => {
    const app = await given(quirks);
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ code, message: matching(message) });
  });

  test("a stated length that is not its size is not even read", async () => {
    const app = await given({ wrongBlobLength: true });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
      code: "SIZE_MISMATCH",
      message: `expected 20 bytes for blob ${LAYER.descriptor.digest} of ${registry.host}/app, got an answer of 21 bytes from ${registry.host}`,
    });
  });

  test("nothing at all: it lost the blob", async () => {
    const app = await given({ missingBlobs: [LAYER.descriptor.digest] });
    await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: `expected blob ${LAYER.descriptor.digest} of ${registry.host}/app, got 404 Not Found from ${registry.host}: BLOB_UNKNOWN "blob unknown to registry"`,
    });
  });
});

describe("a registry that sends a manifest with", () => {
  test.each<[string, Quirks, string]>([
    ["wrong bytes", { wrongManifestBytes: true }, "DIGEST_MISMATCH"],
    ["64 MiB too many bytes", { endlessManifest: true }, "SIZE_MISMATCH"],
    ["another media type", { manifestType: "application/vnd.oci.image.index.v1+json" }, "REGISTRY_PROTOCOL"],
    ["no answer", { silent: true }, "UNREACHABLE"],
  ])("%s", async (_what, quirks, code) => {
    const app = await given(quirks);
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({ code });
  });

  test("fewer bytes than its size", async () => {
    const app = await given({});
    const descriptor = { ...MANIFEST.descriptor, size: MANIFEST.descriptor.size + 1 };
    await expect(app.fetchManifest(descriptor)).rejects.toMatchObject({ code: "SIZE_MISMATCH" });
  });
});
