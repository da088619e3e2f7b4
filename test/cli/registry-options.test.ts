import { writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FakeHost } from "./fake-host.js";
import { Stage } from "./stage.js";

const USER = { username: "ann", password: "hunter2-hunter2" };
const AUTH = Buffer.from("ann:hunter2-hunter2").toString("base64");

let stage: Stage;

beforeEach(async () => {
  stage = await Stage.create();
  stage.scene.near.restage({ basicAccess: USER });
});

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

function host(env: NodeJS.ProcessEnv = {}, input = ""): FakeHost {
  const made = stage.host({ COSIGN_PASSWORD: "for tests", ...env });
  made.stdin.end(input);
  return made;
}

function runExport(on: FakeHost, ...rest: readonly string[]) {
  return on.run("export", stage.app, "-o", stage.bundle, "--key", stage.privateKey, ...rest);
}

async function authFile(): Promise<string> {
  const path = stage.scene.folder.file("auth.json");
  await writeFile(path, JSON.stringify({ auths: { [`${stage.scene.near.host}/team`]: { auth: AUTH } } }));
  return path;
}

describe("credentials of export", () => {
  test("come from --username and standard input", async () => {
    const on = host({}, "hunter2-hunter2\n");
    expect(await runExport(on, "--username", "ann", "--password-stdin")).toBe(0);
    expect(on.stdout.text + on.stderr.text).not.toContain("hunter2");
  });

  test("come from --authfile, for the namespace of the image", async () => {
    expect(await runExport(host(), "--authfile", await authFile())).toBe(0);
  });

  test("come from REGISTRY_AUTH_FILE", async () => {
    expect(await runExport(host({ REGISTRY_AUTH_FILE: await authFile() }))).toBe(0);
  });

  test("are wanted, and there are none: the error says so", async () => {
    const on = host({ XDG_RUNTIME_DIR: stage.scene.folder.file("run") });
    expect(await runExport(on)).toBe(4);
    expect(on.stderr.text).toContain("no credentials were found for it");
  });

  test("that were given for one registry are not for another: with two, they are refused", async () => {
    const on = host({}, "hunter2-hunter2");
    const other = `${stage.scene.far.host}/library/tiny:2`;
    const argv = ["export", stage.app, other, "-o", stage.bundle, "--key", stage.privateKey];
    expect(await on.run(...argv, "-u", "ann", "--password-stdin")).toBe(2);
    expect(on.stderr.text).toContain("expected images of one registry with --username, got ");
    expect(stage.scene.near.requests).toEqual([]);
    expect(stage.scene.far.requests).toEqual([]);
  });

  test("in a named file that is not there are an error", async () => {
    const on = host();
    expect(await runExport(on, "--authfile", stage.scene.folder.file("absent.json"))).toBe(2);
    expect(on.stderr.text).toContain("[FILE_NOT_FOUND, exit code 2]");
  });
});

test("credentials of import are for the registry of --to", async () => {
  stage.scene.near.restage();
  await stage.export();
  stage.scene.far.restage({ tokenAccess: { user: USER } });
  const on = host({}, "hunter2-hunter2");
  const to = ["import", stage.bundle, "--to", `${stage.scene.far.host}/mirror`, "--key", stage.publicKey];
  expect(await on.run(...to, "-u", "ann", "--password-stdin")).toBe(0);
  expect(stage.scene.far.storage.repositories()).toEqual(["mirror/library/tiny", "mirror/team/app"]);
});
