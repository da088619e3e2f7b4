import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { freePort } from "../support/interop/free-port.js";
import { IMAGES } from "../support/interop/images.js";
import { CARRIER, writeHtpasswd } from "../support/interop/login.js";
import { Nginx } from "../support/interop/nginx.js";
import { Registry, rawManifest } from "../support/interop/registry.js";
import { ROUND_TRIP_KINDS, roundTrip } from "../support/interop/round-trip.js";
import { useScene } from "../support/interop/scene.js";
import { TokenServer } from "../support/interop/token-server.js";
import { describeWith, describeWithBuilt } from "../support/interop/tools.js";
import { Zot } from "../support/interop/zot.js";

const BUNDLE = "bundle.tar";

describeWith([], "registries of every kind", () => {
  const scene = useScene(async (opened) => {
    await opened.sealift.export(opened.path(BUNDLE), opened.names(...ROUND_TRIP_KINDS));
  });

  describe("a bare distribution 2.8", () => {
    test("images go in and come out with their digests", async () => {
      const { host } = scene().use(await Registry.start(scene().path("bare")));

      await roundTrip(scene(), scene().path(BUNDLE), "bare-trip", { host, sealift: scene().sealift });
    });

    test("one that caches another gives its images, and refuses to take any", async () => {
      const { near, sealift } = scene();
      const proxy = { remoteurl: `http://${near.host}` };
      const cache = scene().use(await Registry.start(scene().path("cache"), { config: { proxy } }));
      const names = ROUND_TRIP_KINDS.map((kind) => `${cache.host}/${IMAGES[kind]}`);
      const bundle = scene().path("cached.tar");

      await sealift.export(bundle, names);
      const imported = await sealift.run("import", bundle, "--to", cache.host, "--key", sealift.publicKey);

      for (const kind of ROUND_TRIP_KINDS) {
        expect(await cache.rawManifest(IMAGES[kind])).toEqual(await near.rawManifest(IMAGES[kind]));
      }
      expect(imported.code).toBe(4);
      expect(imported.stderr).toContain("UNSUPPORTED");
      expect(imported.stderr).toContain("takes nothing");
    });
  });

  describeWith(["htpasswd"], "distribution 2.8 with htpasswd", () => {
    const start = async (name: string): Promise<Registry> => {
      const path = await writeHtpasswd(scene().path(), CARRIER);
      const config = { auth: { htpasswd: { realm: "test", path } } };
      return scene().use(await Registry.start(scene().path(name), { config, login: CARRIER }));
    };

    test("images go in and come out with their digests", async () => {
      const { host } = await start("locked");
      await scene().sealift.login({ [host]: CARRIER });

      const reachable = { host, sealift: scene().sealift, content: { host, login: CARRIER } };
      await roundTrip(scene(), scene().path(BUNDLE), "htpasswd-trip", reachable);
    });

    test("what sealift login keeps lets import and export in, until logout removes it", async () => {
      const { host } = await start("by-login");
      const folder = scene().path("by-login-docker");
      const sealift = scene().sealift.with({ DOCKER_CONFIG: folder });
      const importing = ["import", scene().path(BUNDLE), "--to", host, "--key", sealift.publicKey];
      const kept = async () => JSON.parse(await readFile(`${folder}/config.json`, "utf8")) as unknown;

      const login = await sealift.pipe(CARRIER.password, "login", host, "-u", CARRIER.username, "--password-stdin");
      expect(login.code, login.stderr).toBe(0);
      const auth = Buffer.from(`${CARRIER.username}:${CARRIER.password}`).toString("base64");
      expect(await kept()).toEqual({ auths: { [host]: { auth } } });
      await roundTrip(scene(), scene().path(BUNDLE), "by-login-trip", {
        host,
        sealift,
        content: { host, login: CARRIER },
      });

      await sealift.must("logout", host);
      expect(await kept()).toEqual({ auths: {} });
      const refused = await sealift.run(...importing);
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain("UNAUTHORIZED");
    });

    test("a wrong password is said to be refused, and is not shown", async () => {
      const { host } = await start("wrong");
      await scene().sealift.login({ [host]: { ...CARRIER, password: "hunter2-hunter2" } });

      const { sealift } = scene();
      const imported = await sealift.run("import", scene().path(BUNDLE), "--to", host, "--key", sealift.publicKey);

      expect(imported.code).toBe(4);
      expect(imported.stderr).toContain("UNAUTHORIZED");
      expect(imported.stderr).toContain(host);
      expect(imported.stderr).not.toContain("hunter2");
    });
  });

  describeWith(["nginx", "openssl"], "a token server in front of distribution 2.8", () => {
    /** As Harbor and GitLab do it, the registry and its token server share a host. */
    const start = async (
      name: string,
      how: { readonly refusedAfter?: number; readonly bytesPerSecond?: number } = {},
    ): Promise<{ readonly host: string; readonly tokens: TokenServer }> => {
      const tokens = scene().use(await TokenServer.start(scene().path(name, "tokens"), { login: CARRIER, ...how }));
      const port = await freePort();
      const config = { auth: tokens.auth(`http://127.0.0.1:${port}/token`) };
      const registry = scene().use(await Registry.start(scene().path(name), { config, login: CARRIER }));
      const site = { port, upstreams: { "/v2/": registry.host, "/token": tokens.host }, ...how };
      const { host } = scene().use(await Nginx.start(scene().path(name, "nginx"), site));
      await scene().sealift.login({ [host]: CARRIER });
      return { host, tokens };
    };

    test("images go in and come out with their digests, with one token for each repository and right", async () => {
      const { host, tokens } = await start("tokens");

      const reachable = { host, sealift: scene().sealift, content: { host, login: CARRIER } };
      await roundTrip(scene(), scene().path(BUNDLE), "token-trip", reachable);

      expect(tokens.given.flat()).toContain("repository:team/base:pull,push");
      expect(tokens.given.flat().every((scope) => /^repository:[a-z/]+:pull(,push)?$/.test(scope))).toBe(true);
    });

    // Two layers of several seconds each, fetched one after the other: the token ends in the first.
    test("tokens that end in the middle are renewed", async () => {
      const { host, tokens } = await start("brief", { refusedAfter: 3, bytesPerSecond: 16_000_000 });
      const { sealift, near } = scene();
      await sealift.export(scene().path("node.tar"), scene().names("node"));
      await sealift.must("import", scene().path("node.tar"), "--to", host, "--key", sealift.publicKey);
      tokens.given.length = 0;

      await sealift.export(scene().path("brief.tar"), [`${host}/${IMAGES.node}`], "--concurrency", "1");

      expect(tokens.given.length).toBeGreaterThan(1);
      expect(new Set(tokens.given.flat())).toEqual(new Set(["repository:team/node:pull"]));
      const bare = scene().use(await Registry.start(scene().path("brief-far")));
      await sealift.must("import", scene().path("brief.tar"), "--to", bare.host, "--key", sealift.publicKey);
      expect(await bare.rawManifest(IMAGES.node)).toEqual(await near.rawManifest(IMAGES.node));
    });

    test("without a login, the token server's refusal is said", async () => {
      const { host } = await start("anonymous");
      const { sealift } = scene();
      await sealift.login({});

      const imported = await sealift.run("import", scene().path(BUNDLE), "--to", host, "--key", sealift.publicKey);

      expect(imported.code).toBe(4);
      expect(imported.stderr).toContain("UNAUTHORIZED");
      expect(imported.stderr).toContain("log in");
    });
  });

  describeWithBuilt("registry", "distribution 3", () => {
    test("images go in and come out with their digests", async () => {
      const registry = scene().use(await Registry.start(scene().path("three"), { command: "registry" }));

      await roundTrip(scene(), scene().path(BUNDLE), "three-trip", { host: registry.host, sealift: scene().sealift });
    });
  });

  describeWithBuilt("zot", "zot", () => {
    test("OCI images go in and come out with their digests", async () => {
      const { host } = scene().use(await Zot.start(scene().path("zot")));
      await scene().sealift.export(scene().path("oci.tar"), scene().names("base", "multi", "zstd"));

      const reachable = { host, sealift: scene().sealift };
      await roundTrip(scene(), scene().path("oci.tar"), "zot-trip", reachable, ["base", "multi", "zstd"]);
    });

    test("Docker's media types are refused with advice, and the other images are done", async () => {
      const { host } = scene().use(await Zot.start(scene().path("zot-oci-only")));
      const { sealift, near } = scene();

      const imported = await sealift.run("import", scene().path(BUNDLE), "--to", host, "--key", sealift.publicKey);

      expect(imported.code).toBe(5);
      expect(imported.stderr).toContain("docker2s2");
      expect(await rawManifest(`${host}/${IMAGES.base}`)).toEqual(await near.rawManifest(IMAGES.base));
    });

    test("with docker2s2, they go in and come out with their digests", async () => {
      const { host } = scene().use(await Zot.start(scene().path("zot-docker"), ["docker2s2"]));

      await roundTrip(scene(), scene().path(BUNDLE), "zot-docker-trip", { host, sealift: scene().sealift });
    });
  });
});
