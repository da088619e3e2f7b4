import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FakeHost } from "../fake-host.js";
import { Stage } from "../stage.js";

let stage: Stage;
let to: string;

beforeEach(async () => {
  stage = await Stage.create();
  await stage.export();
  to = `${stage.scene.far.host}/mirror`;
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

function runImport(host: FakeHost, ...rest: readonly string[]) {
  return host.run("import", stage.bundle, "--to", to, "--key", stage.publicKey, ...rest);
}

describe("import", () => {
  test("sends the images, and says where they are", async () => {
    const host = stage.host();
    expect(await runImport(host, "--concurrency", "2")).toBe(0);
    const { storage } = stage.scene.far;
    expect(storage.repositories()).toEqual(["mirror/library/tiny", "mirror/team/app"]);
    expect(host.stdout.text).toContain(`Sent 2 images of ${stage.bundle} to ${to}\n`);
    expect(host.stdout.text).toContain(`  ${stage.app}\n    is now  ${to}/team/app:1.0\n    digest  sha256:`);
    expect(host.stdout.text).toContain(" there already\n");
    expect(host.stdout.text).toContain(`Next:\n  docker pull ${to}/library/tiny:2\n`);
  });

  test("--dry-run says what would be sent, and sends nothing", async () => {
    const host = stage.host();
    expect(await runImport(host, "--dry-run")).toBe(0);
    expect(stage.scene.far.storage.repositories()).toEqual([]);
    expect(host.stdout.text).toContain(`Nothing was sent: 2 images of ${stage.bundle} would go to ${to}\n`);
    expect(host.stdout.text).toContain(`    would be  ${to}/team/app:1.0\n`);
    expect(host.stdout.text).toContain(`Next:\n  sealift import ${stage.bundle} --to ${to} --key ${stage.publicKey}\n`);
  });

  test("--json", async () => {
    const host = stage.host();
    expect(await runImport(host, "--json")).toBe(0);
    expect(host.json).toMatchObject({
      ok: true,
      exitCode: 0,
      result: {
        bundle: stage.bundle,
        signedBy: stage.scene.keys.signer.keyId,
        dryRun: false,
        images: [{ name: stage.tiny, destination: `${to}/library/tiny:2` }, { name: stage.app }],
        blobs: { transferred: 6, mounted: 0, present: 0 },
      },
    });
  });

  test("--allow-unsigned says so aloud", async () => {
    const host = stage.host();
    expect(await host.run("import", stage.bundle, "--to", to, "--allow-unsigned")).toBe(0);
    expect(host.stderr.text).toMatch(/^warning: nobody's signature is checked/);
    expect(host.stdout.text).toContain("  signed by  NOT CHECKED");
  });
});

describe("an import that fails", () => {
  test("3: no key, and nothing is asked of the registry", async () => {
    const host = stage.host();
    expect(await host.run("import", stage.bundle, "--to", to)).toBe(3);
    expect(host.stderr.text).toContain("[KEY_MISSING, exit code 3]");
    expect(stage.scene.far.requestLines()).toEqual([]);
  });

  test("5: the registry loses the blobs of one image of two", async () => {
    const { storage } = stage.scene.far;
    const hasBlob = storage.hasBlob.bind(storage);
    vi.spyOn(storage, "hasBlob").mockImplementation((repository, digest) => {
      return repository !== "mirror/team/app" && hasBlob(repository, digest);
    });
    const host = stage.host();
    expect(await runImport(host)).toBe(5);
    expect(host.stdout.text).toContain(`Sent 1 image of ${stage.bundle} to ${to}\n`);
    expect(host.stdout.text).not.toContain("team/app");
    expect(host.stderr.text).toContain("but 1 image failed; the others are done [PARTIAL, exit code 5]\n");
    expect(host.stderr.text).toMatch(new RegExp(`^  ${stage.app}: expected .* \\[[A-Z_]+\\]$`, "m"));
    const json = stage.host();
    expect(await runImport(json, "--json")).toBe(5);
    expect(json.json).toMatchObject({
      error: { code: "PARTIAL" },
      result: {
        images: [{ name: stage.tiny }, { name: stage.app, failure: { message: expect.any(String) as unknown } }],
      },
    });
  });

  test("4: the registry refuses", async () => {
    stage.scene.far.restage({ refusesPushes: true });
    const host = stage.host();
    expect(await runImport(host)).toBe(4);
    expect(host.stderr.text).toContain("[DENIED, exit code 4]");
  });

  test("2: a destination that is none", async () => {
    const host = stage.host();
    expect(await host.run("import", stage.bundle, "--to", "http://r.io", "--key", stage.publicKey)).toBe(2);
    expect(host.stderr.text).toContain("[REFERENCE_INVALID, exit code 2]");
  });

  test("130: Ctrl-C", async () => {
    const host = stage.host();
    const ended = runImport(host);
    await host.stderr.waitFor("Signed by");
    host.emit("SIGINT");
    expect(await ended).toBe(130);
    expect(stage.scene.far.storage.tags("mirror/team/app")).toEqual([]);
  });
});
