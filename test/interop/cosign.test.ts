import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { Containerd } from "../support/interop/containerd.js";
import { IMAGES } from "../support/interop/images.js";
import { Podman } from "../support/interop/podman.js";
import { type RunResult, run, textOf } from "../support/interop/process.js";
import { Registry } from "../support/interop/registry.js";
import { useScene } from "../support/interop/scene.js";
import { describeWithBuilt, hasTool } from "../support/interop/tools.js";
import { Zot } from "../support/interop/zot.js";

// No transparency log, and so no network.
const OFFLINE = ["--use-signing-config=false", "--tlog-upload=false", "--yes"];
const PREDICATE_TYPE = "https://example.org/tested";

/** Both ways in which cosign attaches: OCI referrers, which docker-registry keeps under a tag, and tags of its own. */
const FORMATS = [
  { how: "as OCI referrers", format: "--new-bundle-format=true" },
  { how: "under tags of its own", format: "--new-bundle-format=false" },
] as const;

describeWithBuilt("cosign", "what cosign attached", () => {
  describe.each(FORMATS)("$how", ({ format }) => {
    /** The near registry of these tests alone: no other test shall find signatures where none were. */
    let near: Registry;
    let digest: string;

    const scene = useScene(async (opened) => {
      near = opened.use(await Registry.start(opened.path("signed")));
      const [from, to] = [`docker://${opened.near.host}/${IMAGES.multi}`, `docker://${near.host}/${IMAGES.multi}`];
      const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
      await textOf("skopeo", ["copy", "--all", "--preserve-digests", ...plain, from, to]);
      digest = await textOf("skopeo", ["inspect", "--tls-verify=false", "--format", "{{.Digest}}", to]);
      const environment = { COSIGN_PASSWORD: opened.sealift.password, HOME: opened.path("home") };
      for (const key of ["near", "far"]) {
        const made = ["generate-key-pair", "--output-key-prefix", opened.path(key)];
        await textOf("cosign", made, { env: environment });
      }
    });

    const cosign = async (...args: readonly string[]): Promise<RunResult> =>
      await run("cosign", args, { env: { COSIGN_PASSWORD: scene().sealift.password, HOME: scene().path("home") } });

    const mustCosign = async (...args: readonly string[]): Promise<void> => {
      const { code, stderr } = await cosign(...args);
      if (code !== 0) throw new Error(`expected exit code 0, got ${code} from: cosign ${args.join(" ")}\n${stderr}`);
    };

    const privateKey = (key: string): string => scene().path(`${key}.key`);
    const publicKey = (key: string): string => scene().path(`${key}.pub`);

    /** Signs the index and all that is in it. */
    const sign = async (host: string, key: string): Promise<void> => {
      const name = `${host}/team/multi@${digest}`;
      await mustCosign("sign", "--key", privateKey(key), "--recursive", format, ...OFFLINE, name);
    };

    const attest = async (host: string): Promise<void> => {
      const predicate = scene().path("predicate.json");
      await writeFile(predicate, '{"tested":true}');
      const what = ["--predicate", predicate, "--type", PREDICATE_TYPE];
      await mustCosign(
        "attest",
        "--key",
        privateKey("near"),
        ...what,
        format,
        ...OFFLINE,
        `${host}/team/multi@${digest}`,
      );
    };

    const verifies = async (name: string, key: string, what: "verify" | "verify-attestation" = "verify") => {
      const type = what === "verify" ? [] : ["--type", PREDICATE_TYPE];
      const how = ["--key", publicKey(key), "--insecure-ignore-tlog=true", format];
      const { code, stderr } = await cosign(what, ...how, ...type, name);
      return code === 0 ? true : `${what} ${name}: ${stderr}`;
    };

    const expectVerified = async (host: string): Promise<void> => {
      const child = await near.childDigest(IMAGES.multi, "arm64");
      expect(await verifies(`${host}/${IMAGES.multi}`, "near")).toBe(true);
      expect(await verifies(`${host}/team/multi@${child}`, "near")).toBe(true);
      expect(await verifies(`${host}/${IMAGES.multi}`, "near", "verify-attestation")).toBe(true);
      expect(await verifies(`${host}/${IMAGES.multi}`, "far")).toContain("verify");
    };

    const startFar = async (name: string): Promise<Registry> => scene().use(await Registry.start(scene().path(name)));
    const bundle = (): string => scene().path("signed.tar");
    const sendTo = async (host: string): Promise<string> => {
      const { sealift } = scene();
      return await sealift.must("import", bundle(), "--to", host, "--key", sealift.publicKey);
    };

    test("verifies on the far side: on the index, on a child, and an attestation", async () => {
      const { sealift } = scene();
      await sign(near.host, "near");
      await attest(near.host);
      await expectVerified(near.host);

      await sealift.export(bundle(), [`${near.host}/${IMAGES.multi}`]);
      await sealift.must("verify", bundle(), "--key", sealift.publicKey, "--deep");
      const shown = await sealift.must("inspect", bundle(), "--key", sealift.publicKey);
      for (const kind of [/4 cosign signatures/, /1 (?:Sigstore|cosign) attestation/, /1 BuildKit attestation/]) {
        expect(shown).toMatch(kind);
      }

      const far = await startFar("far");
      await sendTo(far.host);
      await expectVerified(far.host);
      // Once more, there is nothing left to do.
      const tags = await far.tags();
      await sendTo(far.host);
      expect(await far.tags()).toEqual(tags);
    });

    test("stands beside what the far side has signed itself, and both verify", async () => {
      const far = await startFar("co-signed");
      await sendTo(far.host);
      await sign(far.host, "far");
      await sendTo(far.host);

      expect(await verifies(`${far.host}/${IMAGES.multi}`, "near")).toBe(true);
      expect(await verifies(`${far.host}/${IMAGES.multi}`, "far")).toBe(true);
    });

    test.skipIf(!hasTool("podman"))("is not in the way of podman load", async () => {
      const podman = await Podman.in(scene().path("podman"));
      await podman.podman(["load", "--input", bundle()]);
      const id = await near.configDigest(IMAGES.multi);
      expect(await podman.idsByName()).toEqual(new Map([[`${near.host}/${IMAGES.multi}`, id]]));
    });

    test.skipIf(!hasTool("ctr"))("is not in the way of ctr images import", async () => {
      const containerd = scene().use(await Containerd.start(scene().path("containerd")));
      await containerd.ctr(["images", "import", "--all-platforms", "--no-unpack", bundle()]);
      const [, ...rows] = (await containerd.ctr(["images", "ls"])).trim().split("\n");
      expect(rows.map((row) => row.split(/\s+/)[0])).toEqual([`${near.host}/${IMAGES.multi}`]);
      expect(rows[0]).toContain(digest);
    });

    test("stays behind when it is told to", async () => {
      const { sealift } = scene();
      const far = await startFar("bare");
      const bare = scene().path("bare.tar");
      await sealift.export(bare, [`${near.host}/${IMAGES.multi}`], "--no-referrers");
      await sealift.must("import", bare, "--to", far.host, "--key", sealift.publicKey);

      expect(await far.tags()).toEqual([IMAGES.multi]);
      expect(await verifies(`${far.host}/${IMAGES.multi}`, "near")).not.toBe(true);
    });

    test.skipIf(!hasTool("zot"))(
      "verifies in a registry with the referrers API, and comes out of it again",
      async () => {
        const { sealift } = scene();
        const zot = scene().use(await Zot.start(scene().path("zot")));
        await sendTo(zot.host);
        await expectVerified(zot.host);

        const again = scene().path("again.tar");
        await sealift.export(again, [`${zot.host}/${IMAGES.multi}`]);
        const far = await startFar("from-zot");
        await sealift.must("import", again, "--to", far.host, "--key", sealift.publicKey);
        await expectVerified(far.host);
      },
    );
  });
});
