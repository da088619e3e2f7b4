import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readSigner, readVerifier, writeKeyPair } from "../../src/signing/index.js";
import { failureOf } from "../support/errors.js";
import { TempFolder } from "../support/temp-folder.js";

let folder: TempFolder;

beforeEach(async () => {
  folder = await TempFolder.create();
});

afterEach(async () => {
  await folder[Symbol.asyncDispose]();
});

async function noPassword(): Promise<string> {
  throw new Error("nobody is asked");
}

describe("writing a key pair", () => {
  test("gives two files that belong together; only its owner reads the private one", async () => {
    const { keyId, privateKeyPath, publicKeyPath } = await writeKeyPair(folder.file("k"), async () => "secret");
    expect([privateKeyPath, publicKeyPath]).toEqual([folder.file("k.key"), folder.file("k.pub")]);
    expect((await stat(privateKeyPath)).mode & 0o777).toBe(0o600);
    const signer = await readSigner(privateKeyPath, async () => "secret");
    const verifier = await readVerifier(publicKeyPath);
    expect([signer.keyId, verifier.keyId]).toEqual([keyId, keyId]);
    const message = Buffer.from("message");
    expect(verifier.verify(message, signer.sign(message))).toBe(true);
  });

  test.each(["k.key", "k.pub"])("never replaces %s, and asks for no password first", async (name) => {
    await writeFile(folder.file(name), "precious");
    expect((await failureOf(() => writeKeyPair(folder.file("k"), noPassword))).code).toBe("FILE_EXISTS");
    expect(await readFile(folder.file(name), "utf8")).toBe("precious");
    expect(await readdir(folder.path)).toEqual([name]);
  });

  test("into a folder that is not there says so", async () => {
    const failure = await failureOf(() => writeKeyPair(folder.file("none/k"), async () => "secret"));
    expect(failure.code).toBe("FILE_NOT_FOUND");
  });
});

describe("reading a key file", () => {
  test("names the file in what goes wrong", async () => {
    await writeFile(folder.file("bad.pub"), "no key");
    const failure = await failureOf(() => readVerifier(folder.file("bad.pub")));
    expect(failure.code).toBe("KEY_INVALID");
    expect(failure.message).toContain("bad.pub");
    expect((await failureOf(() => readVerifier(folder.file("none.pub")))).code).toBe("FILE_NOT_FOUND");
    expect((await failureOf(() => readSigner(folder.path, noPassword))).code).toBe("CONFIG_INVALID");
  });

  test("stops at its largest size", async () => {
    await writeFile(folder.file("huge.pub"), Buffer.alloc(100_000));
    expect((await failureOf(() => readVerifier(folder.file("huge.pub")))).code).toBe("CONFIG_INVALID");
  });
});
