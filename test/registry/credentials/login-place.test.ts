import { chmod, lstat, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { eraseLogin, findCredentials, storeLogin } from "../../../src/registry/index.js";
import { HelperFolder } from "../../support/credential-helper.js";
import { everythingSaidBy, failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

const LOGIN = { username: "ann", password: "pass:word" };
const AUTH = Buffer.from("ann:pass:word").toString("base64");

let folder: TempFolder;
let helpers: HelperFolder;
let env: NodeJS.ProcessEnv;
let path: string;

beforeEach(async () => {
  folder = await TempFolder.create();
  helpers = await HelperFolder.create();
  env = { ...helpers.env, DOCKER_CONFIG: folder.file("docker") };
  path = folder.file("docker/config.json");
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
  await helpers[Symbol.asyncDispose]();
});

async function write(content: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, JSON.stringify(content));
}

async function written(at = path): Promise<unknown> {
  return JSON.parse(await readFile(at, "utf8"));
}

describe("a login that is kept in Docker's file", () => {
  test("makes folder and file for their owner only, and is found again", async () => {
    expect(await storeLogin("reg.internal:5000", LOGIN, { env })).toEqual({ path, helper: undefined });
    expect(await written()).toEqual({ auths: { "reg.internal:5000": { auth: AUTH } } });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    expect(await findCredentials({ env })("reg.internal:5000")).toMatchObject(LOGIN);
  });

  test("leaves all else as it is, and nothing beside it", async () => {
    const others = { psFormat: "table", proxies: { default: { httpProxy: "http://p:1" } }, aliases: { builder: "b" } };
    await write({ ...others, auths: { other: { auth: "YTpi", email: "a@b" } } });
    await storeLogin("r", LOGIN, { env });
    expect(await written()).toEqual({ ...others, auths: { other: { auth: "YTpi", email: "a@b" }, r: { auth: AUTH } } });
    expect(await readdir(dirname(path))).toEqual(["config.json"]);
  });

  test("takes the place of what older versions of Docker wrote for the same registry", async () => {
    await write({ auths: { "https://r/v1/": { auth: "YTpi" }, "r/team": { auth: "YTpi" } } });
    await storeLogin("r", LOGIN, { env });
    expect(await written()).toEqual({ auths: { "r/team": { auth: "YTpi" }, r: { auth: AUTH } } });
  });

  test("keeps Docker Hub under Docker's name for it", async () => {
    await storeLogin("docker.io", LOGIN, { env });
    expect(await written()).toEqual({ auths: { "https://index.docker.io/v1/": { auth: AUTH } } });
  });

  test("keeps Docker Hub so by whatever name it is called", async () => {
    await storeLogin("registry-1.docker.io", LOGIN, { env });
    expect(await written()).toEqual({ auths: { "https://index.docker.io/v1/": { auth: AUTH } } });
    expect(await eraseLogin("registry-1.docker.io", { env })).toMatchObject({ wasThere: true });
    expect(await written()).toEqual({ auths: {} });
  });

  test("is not lost when others log in at the same time", async () => {
    const registries = Array.from({ length: 5 }, (_, at) => `r${at}`);
    await Promise.all(registries.map((registry) => storeLogin(registry, LOGIN, { env })));
    expect(Object.keys(((await written()) as { auths: object }).auths).sort()).toEqual(registries);
    expect(await readdir(dirname(path))).toEqual(["config.json"]);
  });

  test("writes nothing where a symbolic link to the file is, but where that leads", async () => {
    // Nobody could lock the link itself.
    await mkdir(`${path}.lock`, { recursive: true });
    await mkdir(folder.file("elsewhere"));
    await writeFile(folder.file("elsewhere/real.json"), "{}");
    await symlink(folder.file("elsewhere/real.json"), path);
    await storeLogin("r", LOGIN, { env });
    expect(await written()).toEqual({ auths: { r: { auth: AUTH } } });
  });

  test("narrows the mode of a file that everybody could read", async () => {
    await write({});
    await chmod(path, 0o644);
    await storeLogin("r", LOGIN, { env });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test.each([true, false])("leaves a symbolic link a link (to a file that is there: %s)", async (isThere) => {
    await mkdir(dirname(path));
    await mkdir(folder.file("dotfiles"));
    const real = folder.file("dotfiles/docker.json");
    if (isThere) await writeFile(real, '{"detachKeys":"ctrl-e,e"}');
    await symlink("../dotfiles/docker.json", path);
    await storeLogin("r", LOGIN, { env });
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await readlink(path)).toBe("../dotfiles/docker.json");
    expect(await written(real)).toMatchObject({ auths: { r: { auth: AUTH } } });
    if (isThere) expect(await written(real)).toMatchObject({ detachKeys: "ctrl-e,e" });
  });

  test("is not kept in a file that is broken, which is left alone", async () => {
    await mkdir(dirname(path));
    await writeFile(path, '{"auths":');
    const error = await failureOf(() => storeLogin("r", LOGIN, { env }));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(everythingSaidBy(error)).not.toMatch(/pass:word/);
    expect(await readFile(path, "utf8")).toBe('{"auths":');
    expect(await readdir(dirname(path))).toEqual(["config.json"]);
  });
});

describe("a login that is kept elsewhere", () => {
  test("lies in the file that was named, as Podman writes it", async () => {
    const authFile = folder.file("auth.json");
    await storeLogin("docker.io", LOGIN, { env, authFile });
    expect(await written(authFile)).toEqual({ auths: { "docker.io": { auth: AUTH } } });
    expect(await findCredentials({ env, authFile })("docker.io")).toMatchObject(LOGIN);
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  test("lies where REGISTRY_AUTH_FILE says, since nothing else is read then", async () => {
    env["REGISTRY_AUTH_FILE"] = folder.file("auth.json");
    expect(await storeLogin("r", LOGIN, { env })).toEqual({ path: folder.file("auth.json"), helper: undefined });
    expect(await findCredentials({ env })("r")).toMatchObject(LOGIN);
  });

  test("lies with the helper, and what an earlier login left in the file is removed", async () => {
    await helpers.addKeeping("safe");
    await write({ credsStore: "safe", auths: { r: { auth: AUTH }, other: {} } });
    expect(await storeLogin("r", LOGIN, { env })).toEqual({ path, helper: "docker-credential-safe" });
    expect(await written()).toEqual({ credsStore: "safe", auths: { other: {} } });
    expect(await findCredentials({ env })("r")).toMatchObject(LOGIN);
  });

  test("lies with the helper of this registry rather than with that for all", async () => {
    await helpers.addKeeping("own");
    await write({ credsStore: "absent", credHelpers: { r: "own" } });
    expect(await storeLogin("r", LOGIN, { env })).toMatchObject({ helper: "docker-credential-own" });
  });

  test("lies nowhere if the helper fails: the file is no second choice", async () => {
    await write({ credsStore: "absent" });
    expect(await failureOf(() => storeLogin("r", LOGIN, { env }))).toMatchObject({ code: "CONFIG_INVALID" });
    expect(await written()).toEqual({ credsStore: "absent" });
  });
});

describe("a login that is removed", () => {
  test("is removed from the file, under each of its names; those of others stay", async () => {
    await write({
      auths: { r: { auth: AUTH }, "http://r": {}, "https://r/v1/": {}, "r/team": {}, s: {} },
      psFormat: "x",
    });
    expect(await eraseLogin("r", { env })).toEqual({ path, helper: undefined, wasThere: true });
    expect(await written()).toEqual({ auths: { "r/team": {}, s: {} }, psFormat: "x" });
  });

  test("is removed from the helper, and from the file", async () => {
    await helpers.addKeeping("safe");
    await write({ credsStore: "safe" });
    await storeLogin("r", LOGIN, { env });
    expect(await eraseLogin("r", { env })).toMatchObject({ helper: "docker-credential-safe", wasThere: true });
    expect(await eraseLogin("r", { env })).toMatchObject({ wasThere: false });
    expect(await helpers.log("safe")).toContain("erase r");
  });

  test("was not there: nothing is written", async () => {
    expect(await eraseLogin("r", { env })).toEqual({ path, helper: undefined, wasThere: false });
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });
});
