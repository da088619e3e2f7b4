import { mkdir, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  credentialsIn,
  helperIn,
  parseAuthFile,
  readAuthFile,
  readNamedAuthFile,
} from "../../../src/registry/credentials/auth-file.js";
import { everythingSaidBy, failureOf } from "../../support/errors.js";
import { TempFolder } from "../../support/temp-folder.js";

const base64 = (text: string) => Buffer.from(text).toString("base64");

function parsed(content: unknown) {
  return parseAuthFile(Buffer.from(JSON.stringify(content)), "the file");
}

function only(entry: unknown) {
  return credentialsIn(parsed({ auths: { r: entry } }), "r");
}

describe("an entry of auths", () => {
  const source = 'auths["r"] in the file';

  test.each<[string, object, object | undefined]>([
    ["a password with colons", { auth: base64("ann:pass:word") }, { username: "ann", password: "pass:word" }],
    ["a password padded with NULs", { auth: base64("ann:secret\0\0") }, { username: "ann", password: "secret" }],
    ["base64 in lines", { auth: "YW5u\r\nOmE=\n" }, { username: "ann", password: "a" }],
    ["both members, as Kubernetes has them", { username: "ann", password: "x" }, { username: "ann", password: "x" }],
    ["an identity token", { identitytoken: "idt" }, { identityToken: "idt" }],
    [
      "an identity token with its user, as Azure's",
      { auth: base64("0000:"), identitytoken: "idt" },
      { identityToken: "idt", username: "0000" },
    ],
    ["an identity token as a helper has it", { auth: base64("<token>:idt") }, { identityToken: "idt" }],
    ["a registry token", { auth: base64("ann:x"), registrytoken: "rt" }, { registryToken: "rt" }],
    ["nothing, as Docker leaves it where a helper has it", {}, undefined],
    ["an empty password", { auth: base64("ann:") }, undefined],
    ["unknown members", { auth: base64("ann:x"), email: "a@b" }, { username: "ann", password: "x" }],
  ])("%s", (_what, entry, expected) => {
    expect(only(entry)).toEqual(expected && { ...expected, source });
  });

  test.each<[string, object]>([
    ["no colon", { auth: base64("c2VjcmV0") }],
    ["no user", { auth: base64(":secret") }],
    ["no base64", { auth: "ann:secret" }],
    ["base64 that was cut", { auth: base64("ann:secret").slice(0, -3) }],
  ])("with %s is an error which shows nothing of it", async (_what, entry) => {
    const error = await failureOf(() => only(entry));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain(source);
    expect(everythingSaidBy(error)).not.toMatch(/secret|YW5uOn|c2VjcmV0/);
  });

  test("without credentials is passed over for a worse match with some", () => {
    const file = parsed({ auths: { r: {}, "https://r/v1/": { auth: base64("ann:x") } } });
    expect(credentialsIn(file, "r")).toMatchObject({ username: "ann" });
  });

  test("that is broken does not matter to another registry", () => {
    expect(credentialsIn(parsed({ auths: { r: { auth: "?" }, s: { auth: base64("a:b") } } }), "s")).toMatchObject({
      username: "a",
    });
  });
});

describe("helperIn", () => {
  const file = parsed({
    credsStore: "desktop",
    credHelpers: { "gcr.io": "gcloud", "plain.example": "", "docker.io": "pass" },
  });

  test.each<[string, string, object | undefined]>([
    ["the registry's own", "gcr.io", { helper: "gcloud", serverUrl: "gcr.io", source: "credHelpers in the file" }],
    ["the one for all others", "r", { helper: "desktop", serverUrl: "r", source: "credsStore in the file" }],
    ["none for a registry that is exempt", "plain.example", undefined],
    [
      "the key it stands under, for Docker Hub",
      "docker.io",
      { helper: "pass", serverUrl: "docker.io", source: "credHelpers in the file" },
    ],
  ])("%s", (_what, registry, expected) => {
    expect(helperIn(file, registry)).toEqual(expected);
  });

  test("a credsStore knows Docker Hub as Docker calls it", () => {
    expect(helperIn(parsed({ credsStore: "x" }), "docker.io")?.serverUrl).toBe("https://index.docker.io/v1/");
  });
});

describe("a file", () => {
  let folder: TempFolder;
  let path: string;

  beforeEach(async () => {
    folder = await TempFolder.create();
    path = folder.file("config.json");
  });

  afterEach(async () => {
    await folder[Symbol.asyncDispose]();
  });

  test("that is not there says nothing, unless it was named", async () => {
    expect(await readAuthFile(path)).toBeUndefined();
    expect(await failureOf(() => readNamedAuthFile(path))).toMatchObject({ code: "FILE_NOT_FOUND" });
  });

  test.each(["", "{}", '{"auths":null,"credHelpers":null,"credsStore":null}', '{"auths":{"r":null}}'])(
    "of %j says nothing",
    async (text) => {
      await writeFile(path, text);
      const file = await readNamedAuthFile(path);
      expect(credentialsIn(file, "r")).toBeUndefined();
      expect(helperIn(file, "r")).toBeUndefined();
    },
  );

  test.each<[string, string]>([
    ["no JSON", `{"auths":{"r":{"auth":"${base64("ann:secret")}"}`],
    ["another form", `{"auths":{"r":"${base64("ann:secret")}"}}`],
    ["a list", `["${base64("ann:secret")}"]`],
    ["a member twice", `{"auths":{},"auths":{"r":{"auth":"${base64("ann:secret")}"}}}`],
    ["helpers that are no names", `{"credHelpers":{"r":["secret"]}}`],
    ["a page of HTML", "<html>secret</html>"],
    ["binary rubbish", "\0\u0001secret\u00ff"],
    ["nesting without an end", `${'{"auths":'.repeat(100_000)}"secret"`],
  ])("that is broken (%s) is an error which names it and shows nothing of it", async (_how, text) => {
    await writeFile(path, text);
    const error = await failureOf(() => readNamedAuthFile(path));
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(error.message).toContain(path);
    expect(everythingSaidBy(error)).not.toMatch(/secret|YW5uOn/);
  });

  test("that is huge is an error, and not read to its end", async () => {
    await writeFile(path, Buffer.alloc(2 * 1024 * 1024, " "));
    expect(await failureOf(() => readAuthFile(path))).toMatchObject({ code: "CONFIG_INVALID" });
  });

  test("that is a folder is an error", async () => {
    await mkdir(path);
    expect(await failureOf(() => readAuthFile(path))).toMatchObject({ code: "CONFIG_INVALID" });
  });
});
