import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RegistryServer } from "../../src/registry-server/index.js";
import { TestAuthority } from "../support/certificates.js";
import { sampleImage, sampleLayer } from "../support/images.js";
import { storeImage } from "../support/store-image.js";
import { TestProxy } from "../support/test-proxy.js";
import { startTlsRegistry } from "../support/tls-registry.js";
import type { FakeHost } from "./fake-host.js";
import { Stage } from "./stage.js";

let stage: Stage;
let authority: TestAuthority;
let registry: RegistryServer;

beforeEach(async () => {
  stage = await Stage.create();
  authority = new TestAuthority();
  ({ registry } = await startTlsRegistry(authority.forServer(["127.0.0.1", "reg.test"])));
  storeImage(registry.storage, "app", "1", sampleImage({ layers: [await sampleLayer({ content: "x" })] }));
});

afterEach(async () => {
  await registry.close();
  await stage[Symbol.asyncDispose]();
});

function host(env: NodeJS.ProcessEnv = {}): FakeHost {
  return stage.host({ COSIGN_PASSWORD: "for tests", ...env });
}

async function runExport(on: FakeHost, image: string, ...rest: readonly string[]): Promise<number> {
  return await on.run("export", image, "-o", stage.bundle, "--key", stage.privateKey, ...rest);
}

async function caFile(): Promise<string> {
  const path = stage.scene.folder.file("ca.pem");
  await writeFile(path, authority.cert);
  return path;
}

const ALOUD = "nobody checks who answers (--insecure-skip-tls-verify)";

describe("export, from a registry with TLS", () => {
  test("trusts the authorities of --ca-file", async () => {
    const on = host();
    const image = `${registry.host}/app:1`;
    expect(await runExport(on, image, "--plain-http=false", "--ca-file", await caFile())).toBe(0);
    expect(on.stderr.text).not.toContain(ALOUD);
  });

  test("trusts nobody else, and says what to do", async () => {
    const on = host();
    expect(await runExport(on, `${registry.host}/app:1`, "--plain-http=false", "--retries", "0")).toBe(4);
    expect(on.stderr.text).toContain("--ca-file");
    expect(registry.requests).toEqual([]);
  });

  test("trusts anybody with --insecure-skip-tls-verify, and says so even if it is to be quiet", async () => {
    const on = host();
    const argv = ["--plain-http=false", "--insecure-skip-tls-verify", "--quiet"];
    expect(await runExport(on, `${registry.host}/app:1`, ...argv)).toBe(0);
    expect(on.stderr.text).toContain(ALOUD);
  });

  test("goes through the proxy of the environment", async () => {
    await using proxy = await TestProxy.start({ to: registry.host });
    const on = host({ HTTPS_PROXY: `http://carrier:hunter2@${proxy.host}`, SSL_CERT_FILE: await caFile() });
    expect(await runExport(on, "reg.test/app:1")).toBe(0);
    expect(new Set(proxy.asked)).toEqual(new Set(["CONNECT reg.test:443"]));
    expect(on.stdout.text + on.stderr.text).not.toContain("hunter2");
  });
});

describe("--plain-http", () => {
  test("speaks without TLS with the registries that are named", async () => {
    await using proxy = await TestProxy.start({ to: stage.scene.near.host });
    const on = host({ HTTP_PROXY: `http://${proxy.host}` });
    expect(await runExport(on, "reg.test/library/tiny:2", "--plain-http")).toBe(0);
    expect(proxy.asked[0]).toBe("HEAD http://reg.test/v2/library/tiny/manifests/2");
  });

  test("does not mean Docker Hub", async () => {
    await using proxy = await TestProxy.start({ to: stage.scene.near.host, refusesWith: 403 });
    const on = host({ HTTP_PROXY: `http://${proxy.host}`, HTTPS_PROXY: `http://${proxy.host}` });
    expect(await runExport(on, "tiny:2", "--plain-http", "--retries", "0")).toBe(4);
    expect(proxy.asked).toEqual(["CONNECT registry-1.docker.io:443"]);
  });
});

describe("a mirror", () => {
  async function mirrored(): Promise<FakeHost> {
    const { near, folder } = stage.scene;
    const conf = folder.file("registries.conf");
    await writeFile(
      conf,
      `[[registry]]\nlocation = "127.0.0.2:1"\n[[registry.mirror]]\nlocation = "${near.host}/team"\n`,
    );
    return host({ CONTAINERS_REGISTRIES_CONF: conf });
  }

  test("gives an image in the registry's place, and the index says so", async () => {
    const on = await mirrored();
    expect(await runExport(on, "127.0.0.2:1/app:1.0", "--no-referrers", "--json")).toBe(0);
    const name = "127.0.0.2:1/app:1.0";
    expect(on.json).toMatchObject({ result: { images: [{ name, source: `${stage.scene.near.host}/team/app` }] } });
  });

  test("is not asked with --no-mirrors", async () => {
    const on = await mirrored();
    expect(await runExport(on, "127.0.0.2:1/app:1.0", "--no-mirrors", "--retries", "0")).toBe(4);
    expect(stage.scene.near.requests).toEqual([]);
  });
});
