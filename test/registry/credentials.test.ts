import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dockerCredentials } from "../../src/registry/index.js";
import { containing } from "./fixture.js";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealift-credentials-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
  delete process.env.DOCKER_CONFIG;
});

const base64 = (text: string) => Buffer.from(text).toString("base64");

async function configured(auths: unknown, others: object = {}): Promise<void> {
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths, ...others }));
}

describe("Docker's config.json", () => {
  test("has name and password under the registry's exact name", async () => {
    await configured({ "reg.internal:5000": { auth: base64("ann:pass:word") } });
    const lookup = dockerCredentials(folder);
    expect(await lookup("reg.internal:5000")).toEqual({ username: "ann", password: "pass:word" });
    for (const other of ["reg.internal", "reg.internal:5001", "evil-reg.internal:5000", "internal:5000"]) {
      expect(await lookup(other)).toBeUndefined();
    }
  });

  test("has those of docker.io under the name its first API had", async () => {
    await configured({ "https://index.docker.io/v1/": { auth: base64("ann:token") } });
    expect(await dockerCredentials(folder)("docker.io")).toEqual({ username: "ann", password: "token" });
  });

  test("may pad a password with NULs", async () => {
    await configured({ r: { auth: base64("ann:secret\0\0") } });
    expect(await dockerCredentials(folder)("r")).toEqual({ username: "ann", password: "secret" });
  });

  test("may have none: entries of a credential store, no entries, no file", async () => {
    expect(await dockerCredentials(folder)("r")).toBeUndefined();
    await configured({ r: {} }, { credsStore: "desktop", detachKeys: "ctrl-e,e" });
    expect(await dockerCredentials(folder)("r")).toBeUndefined();
    await configured(undefined);
    expect(await dockerCredentials(folder)("r")).toBeUndefined();
  });

  test("lies where DOCKER_CONFIG says", async () => {
    await configured({ r: { auth: base64("ann:x") } });
    process.env.DOCKER_CONFIG = folder;
    expect(await dockerCredentials()("r")).toEqual({ username: "ann", password: "x" });
  });

  test.each<[string, string]>([
    ["no JSON", `{"auths":{"r":{"auth":"${base64("ann:secret")}"}`],
    ["another form", `{"auths":{"r":"${base64("ann:secret")}"}}`],
    ["no colon", `{"auths":{"r":{"auth":"${base64("secret")}"}}}`],
  ])("that is broken (%s) is an error which shows nothing of it", async (_how, text) => {
    await writeFile(join(folder, "config.json"), text);
    const error: unknown = await dockerCredentials(folder)("r").catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: containing(folder) });
    const { message, hint, cause } = error as { message: string; hint: string; cause: unknown };
    expect(`${message} ${hint} ${String(cause)}`).not.toMatch(/secret|YW5uOn|c2VjcmV0/);
  });
});
