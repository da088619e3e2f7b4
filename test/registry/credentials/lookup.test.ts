import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type CredentialSources, findCredentials } from "../../../src/registry/index.js";
import { HelperFolder } from "../../support/credential-helper.js";
import { everythingSaidBy, failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

let folder: TempFolder;
let helpers: HelperFolder;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  folder = await TempFolder.create();
  helpers = await HelperFolder.create();
  env = { ...helpers.env, HOME: folder.file("home"), XDG_RUNTIME_DIR: folder.file("run") };
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
  await helpers[Symbol.asyncDispose]();
});

const DOCKER = "home/.docker/config.json";
const RUNTIME = "run/containers/auth.json";
const CONFIG = "home/.config/containers/auth.json";

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** What a file with one entry says; the name of the user tells where it was found. */
function auths(username: string, key = "r", others: object = {}): string {
  return JSON.stringify({ auths: { [key]: { auth: base64(`${username}:x`) } }, ...others });
}

async function write(name: string, text: string): Promise<string> {
  const path = folder.file(name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

async function found(sources: CredentialSources = {}, registry = "r", repository?: string) {
  return await findCredentials({ env, ...sources })(registry, repository);
}

describe("the order in which credentials are looked for", () => {
  beforeEach(async () => {
    env["DOCKER_AUTH_CONFIG"] = auths("environment");
    await write(DOCKER, auths("docker"));
    await write(RUNTIME, auths("podman-runtime"));
    await write(CONFIG, auths("podman-config"));
    env["REGISTRY_AUTH_FILE"] = await write("registry-auth.json", auths("registry-auth-file"));
    await write("authfile.json", auths("authfile"));
  });

  test("is: given, authFile, REGISTRY_AUTH_FILE, DOCKER_AUTH_CONFIG, Docker's file, Podman's two", async () => {
    const given = { registry: "r", username: "given", password: "y" };
    const authFile = folder.file("authfile.json");
    expect(await found({ given, authFile })).toEqual({ username: "given", password: "y", source: "--username" });
    expect(await found({ authFile })).toMatchObject({ username: "authfile" });
    expect(await found()).toMatchObject({ username: "registry-auth-file" });
    delete env["REGISTRY_AUTH_FILE"];
    expect(await found()).toMatchObject({ username: "environment" });
    delete env["DOCKER_AUTH_CONFIG"];
    expect(await found()).toMatchObject({ username: "docker", source: `auths["r"] in "${folder.file(DOCKER)}"` });
    await write(DOCKER, "{}");
    expect(await found()).toMatchObject({ username: "podman-runtime" });
    await write(RUNTIME, "{}");
    expect(await found()).toMatchObject({ username: "podman-config" });
    await write(CONFIG, "{}");
    expect(await found()).toBeUndefined();
  });

  test("ends with a file that was named: others do not count, and it must be there", async () => {
    await write("authfile.json", "{}");
    expect(await found({ authFile: folder.file("authfile.json") })).toBeUndefined();
    await write("registry-auth.json", "{}");
    expect(await found()).toBeUndefined();
    env["REGISTRY_AUTH_FILE"] = folder.file("absent.json");
    expect(await failureOf(() => found())).toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test("gives what was given for one registry to no other", async () => {
    const given = { registry: "r:5000", username: "given", password: "y" };
    expect(await found({ given })).toMatchObject({ username: "registry-auth-file" });
    expect(await found({ given }, "other")).toBeUndefined();
  });

  test("takes what was given for Docker Hub by another name", async () => {
    const given = { registry: "registry-1.docker.io", username: "given", password: "y" };
    expect(await found({ given }, "docker.io")).toMatchObject({ username: "given" });
  });

  test("does not read a broken file behind the one that has an answer, and says if it must", async () => {
    delete env["REGISTRY_AUTH_FILE"];
    await write(DOCKER, `{"auths":{"r":"${base64("ann:secret")}"`);
    expect(await found()).toMatchObject({ username: "environment" });
    const error = await failureOf(() => found({}, "other"));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain(folder.file(DOCKER));
    expect(everythingSaidBy(error)).not.toContain(base64("ann:secret"));
  });
});

describe("Docker's configuration", () => {
  test("lies where DOCKER_CONFIG says, and Podman's files do not count then", async () => {
    env["DOCKER_CONFIG"] = folder.file("elsewhere");
    await write("elsewhere/config.json", auths("elsewhere"));
    await write(CONFIG, auths("podman-config", "s"));
    expect(await found()).toMatchObject({ username: "elsewhere" });
    expect(await found({}, "s")).toBeUndefined();
  });

  test("has a helper for a registry, which goes before the one for all, and before the file", async () => {
    await helpers.addAnswering("own", { Username: "own", Secret: "x" });
    await helpers.addAnswering("all", { Username: "all", Secret: "x" });
    await write(DOCKER, auths("file", "r", { credHelpers: { r: "own" }, credsStore: "all" }));
    expect(await found()).toMatchObject({ username: "own" });
    expect(await helpers.log("all")).toEqual([]);
    expect(await found({}, "s")).toMatchObject({ username: "all" });
  });

  test("has Docker Hub under the name its first API had, for helpers, too", async () => {
    await helpers.addAnswering("all", { Username: "ann", Secret: "x" });
    await write(DOCKER, JSON.stringify({ credsStore: "all" }));
    expect(await found({}, "docker.io", "library/nginx")).toMatchObject({ username: "ann" });
    expect(await helpers.log("all")).toEqual(["get https://index.docker.io/v1/"]);
  });

  test("has a helper without credentials: what stands in the file counts", async () => {
    await helpers.addKeeping("empty");
    await write(DOCKER, auths("file", "r", { credsStore: "empty" }));
    expect(await found()).toMatchObject({ username: "file" });
  });

  test("asks a helper once for all requests of a while", async () => {
    await helpers.addAnswering("all", { Username: "ann", Secret: "x" });
    await write(DOCKER, JSON.stringify({ credsStore: "all" }));
    const lookup = findCredentials({ env });
    await Promise.all(["a", "b", "c"].map((repository) => lookup("r", repository)));
    await lookup("r");
    expect(await helpers.log("all")).toEqual(["get r"]);
  });

  test("names a helper that is not there: that is an error, and nobody is asked without credentials", async () => {
    await write(DOCKER, auths("file", "r", { credsStore: "desktop" }));
    const error = await failureOf(() => found());
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain("docker-credential-desktop");
  });
});

describe("Podman's auth.json", () => {
  test("may have credentials for a namespace, and the most specific ones count", async () => {
    const entries = ["r", "r/team", "r/team/app"].map((key) => [key, { auth: base64(`${key}:x`) }]);
    await write(CONFIG, JSON.stringify({ auths: Object.fromEntries(entries) as object }));
    expect(await found({}, "r", "team/app")).toMatchObject({ username: "r/team/app" });
    expect(await found({}, "r", "team/other")).toMatchObject({ username: "r/team" });
    expect(await found({}, "r", "teammate/app")).toMatchObject({ username: "r" });
  });

  test("has Docker Hub as docker.io", async () => {
    await write(RUNTIME, auths("ann", "docker.io"));
    expect(await found({}, "docker.io", "library/nginx")).toMatchObject({ username: "ann" });
  });
});

describe("DOCKER_AUTH_CONFIG", () => {
  test("names no helper: whoever sets it could have any program run", async () => {
    await helpers.addAnswering("all", { Username: "ann", Secret: "x" });
    env["DOCKER_AUTH_CONFIG"] = JSON.stringify({ credsStore: "all", credHelpers: { r: "all" } });
    expect(await found()).toBeUndefined();
    expect(await helpers.log("all")).toEqual([]);
  });

  test("that is broken is an error which shows nothing of it", async () => {
    env["DOCKER_AUTH_CONFIG"] = `{"auths":{"r":{"auth":"${base64("ann:secret")}"}`;
    const error = await failureOf(() => found());
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain("expected DOCKER_AUTH_CONFIG to be JSON");
    expect(everythingSaidBy(error)).not.toContain(base64("ann:secret"));
  });
});
