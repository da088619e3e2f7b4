import { appendFile, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { bytesOf, type RunResult, run, textOf } from "../support/interop/process.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith, describeWithBuilt } from "../support/interop/tools.js";

const ENTRIES = ["sealift/bundle.json", "sealift/bundle.json.sig", "sealift/bundle.json.sigstore.json"];

describeWith(["openssl", "tar"], "the signature, by other tools", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path("bundle.tar"), opened.names("twenty"));
    await mkdir(opened.path("sealift"));
    for (const entry of ENTRIES) {
      await writeFile(opened.path(entry), await bytesOf("tar", ["-xOf", opened.path("bundle.tar"), entry]));
    }
    await copyFile(opened.path("sealift/bundle.json"), opened.path("changed.json"));
    await appendFile(opened.path("changed.json"), " ");
  });

  const openssl = (file: string): Promise<RunResult> => {
    const signature = scene().path("sealift/bundle.json.sig");
    const key = scene().sealift.publicKey;
    return run("openssl", ["dgst", "-sha256", "-verify", key, "-signature", signature, scene().path(file)]);
  };

  test("openssl verifies the index, and not a changed one", async () => {
    const right = await openssl("sealift/bundle.json");
    expect(right.stdout.toString()).toBe("Verified OK\n");
    expect(right.code).toBe(0);

    expect((await openssl("changed.json")).code).toBe(1);
  });

  describeWithBuilt("cosign", "cosign", () => {
    const verifyBlob = (file: string): Promise<RunResult> => {
      const { publicKey } = scene().sealift;
      const bundle = scene().path("sealift/bundle.json.sigstore.json");
      const how = ["--key", publicKey, "--bundle", bundle, "--insecure-ignore-tlog=true"];
      return run("cosign", ["verify-blob", ...how, scene().path(file)]);
    };

    test("verifies the index, and not a changed one", async () => {
      const right = await verifyBlob("sealift/bundle.json");
      expect(right.stderr).toContain("Verified OK");
      expect(right.code).toBe(0);

      expect((await verifyBlob("changed.json")).code).not.toBe(0);
    });

    test("reads a private key that Sealift made", async () => {
      const { privateKey, publicKey } = scene().sealift;
      const env = { COSIGN_PASSWORD: scene().sealift.password };

      const printed = await textOf("cosign", ["public-key", "--key", privateKey], { env });

      expect(printed).toBe((await readFile(publicKey, "utf8")).trim());
    });

    test("makes keys that Sealift signs and verifies with", async () => {
      const { sealift } = scene();
      const [key, bundle] = [scene().path("cosign"), scene().path("by-cosign-key.tar")];
      await textOf("cosign", ["generate-key-pair", "--output-key-prefix", key], {
        env: { COSIGN_PASSWORD: sealift.password },
      });

      await sealift.must("export", scene().name("twenty"), "--output", bundle, "--key", `${key}.key`);

      await sealift.must("verify", bundle, "--key", `${key}.pub`);
      expect((await sealift.run("verify", bundle, "--key", sealift.publicKey)).code).toBe(3);
    });
  });
});
