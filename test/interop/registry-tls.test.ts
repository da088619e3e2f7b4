import { access, copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { Authority } from "../support/interop/certificates.js";
import { freePort } from "../support/interop/free-port.js";
import { IMAGES } from "../support/interop/images.js";
import { Nginx } from "../support/interop/nginx.js";
import { Registry } from "../support/interop/registry.js";
import { type Reachable, ROUND_TRIP_KINDS, roundTrip } from "../support/interop/round-trip.js";
import { useScene } from "../support/interop/scene.js";
import { describeWith } from "../support/interop/tools.js";

const BUNDLE = "bundle.tar";

interface Site extends Reachable {
  readonly authority: Authority;
}

describeWith(["nginx", "openssl"], "distribution 2.8 behind nginx with TLS", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path(BUNDLE), opened.names(...ROUND_TRIP_KINDS));
  });

  const start = async (name: string, wantsClients = false): Promise<Site> => {
    const authority = await Authority.make(scene().path(name, "authority"));
    const registry = scene().use(await Registry.start(scene().path(name)));
    const clients = wantsClients ? { clientAuthority: authority.certificate } : {};
    const site = {
      port: await freePort(),
      upstreams: { "/": registry.host },
      tls: { server: await authority.issueForServer(), ...clients },
    };
    const { host } = scene().use(await Nginx.start(scene().path(name, "nginx"), site));
    // A loopback address is spoken to without TLS, unless somebody says otherwise.
    const options = ["--plain-http=false"];
    return { host, options, authority, sealift: scene().sealift, content: { host: registry.host } };
  };

  const importInto = ({ host, options = [], sealift }: Reachable, ...more: readonly string[]) => {
    return sealift.run("import", scene().path(BUNDLE), "--to", host, "--key", sealift.publicKey, ...options, ...more);
  };

  /** A folder as containers-certs.d(5) describes it, for one host. */
  const certsFolder = async (host: string, files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, source] of Object.entries(files)) {
      const path = scene().path("home", ".config", "containers", "certs.d", host, name);
      await mkdir(dirname(path), { recursive: true });
      await copyFile(source, path);
    }
  };

  test("without its authority nobody is sent anything, and what to do is said", async () => {
    const site = await start("unknown");

    const imported = await importInto(site);

    expect(imported.code).toBe(4);
    expect(imported.stderr).toContain("--ca-file");
  });

  test("--ca-file: images go in and come out with their digests", async () => {
    const site = await start("ca-file");
    const options = [...(site.options ?? []), "--ca-file", site.authority.certificate];

    await roundTrip(scene(), scene().path(BUNDLE), "ca-file-trip", { ...site, options });
  });

  test("NODE_EXTRA_CA_CERTS: images go in and come out with their digests", async () => {
    const site = await start("extra");
    const sealift = site.sealift.with({ NODE_EXTRA_CA_CERTS: site.authority.certificate });

    await roundTrip(scene(), scene().path(BUNDLE), "extra-trip", { ...site, sealift });
  });

  test("ca.crt in certs.d: images go in and come out with their digests", async () => {
    const site = await start("certs-d");
    await certsFolder(site.host, { "ca.crt": site.authority.certificate });

    await roundTrip(scene(), scene().path(BUNDLE), "certs-d-trip", site);
  });

  test("--insecure-skip-tls-verify goes on, and says so aloud", async () => {
    const site = await start("insecure");

    const imported = await importInto(site, "--insecure-skip-tls-verify");

    expect(imported.code).toBe(0);
    expect(imported.stderr).toMatch(/^warning: /m);
  });

  test("a client certificate in certs.d: images go in and come out with their digests", async () => {
    const site = await start("clients", true);
    const client = await site.authority.issueForClient();
    const own = { "client.cert": client.certificate, "client.key": client.key };
    await certsFolder(site.host, { "ca.crt": site.authority.certificate, ...own });

    await roundTrip(scene(), scene().path(BUNDLE), "clients-trip", site);
  });

  test("without the client certificate that it wants, what to do is said", async () => {
    const site = await start("no-client", true);

    const imported = await importInto(site, "--ca-file", site.authority.certificate);

    expect(imported.code).toBe(4);
    expect(imported.stderr).toContain("client certificate");
  });
});

describeWith([], "a pull-through cache as a mirror", () => {
  const scene = useScene();

  test("images come through it under the names of their own registry", async () => {
    const { near, sealift } = scene();
    const config = { proxy: { remoteurl: `http://${near.host}` } };
    const cache = scene().use(await Registry.start(scene().path("cache"), { config }));
    const conf = scene().path("registries.conf");
    const mirror = `[[registry.mirror]]\nlocation = "${cache.host}"\ninsecure = true\n`;
    await writeFile(conf, `[[registry]]\nlocation = "${near.host}"\ninsecure = true\n\n${mirror}`);

    const mirrored = sealift.with({ CONTAINERS_REGISTRIES_CONF: conf });
    await mirrored.export(scene().path("mirrored.tar"), scene().names("base"));

    await access(scene().path("cache/storage/docker/registry/v2/repositories", IMAGES.base.replace(/:.*/, "")));
    const bare = scene().use(await Registry.start(scene().path("far")));
    await sealift.must("import", scene().path("mirrored.tar"), "--to", bare.host, "--key", sealift.publicKey);
    expect(await bare.rawManifest(IMAGES.base)).toEqual(await near.rawManifest(IMAGES.base));
  });
});
