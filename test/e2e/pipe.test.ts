import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SEALIFT, startSealift, untilItSays } from "../support/cli-child.js";
import { noiseLayer, sampleImage } from "../support/images.js";
import { Scene } from "../support/scene.js";
import { storeImage } from "../support/store-image.js";

let scene: Scene;
let image: string;

beforeEach(async () => {
  scene = await Scene.create();
  await writeFile(scene.folder.file("k.key"), scene.keys.privateKeyPem);
  await writeFile(scene.folder.file("k.pub"), scene.keys.publicKeyPem);
  const layers = [await noiseLayer(3_000_000, "large"), await noiseLayer(10_000, "small")];
  storeImage(scene.near.storage, "app", "1", sampleImage({ layers }));
  image = `${scene.near.host}/app:1`;
});

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** Runs two commands of a shell with a real pipe between them, and gives the exit codes of both. */
async function pipe(
  first: string,
  second: string,
): Promise<{ readonly codes: readonly string[]; readonly said: string }> {
  const script = `{ ${first}; echo $? >first; } | { ${second}; echo $? >second; }`;
  const shell = spawn("sh", ["-c", script], { cwd: scene.folder.path, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const output of [shell.stdout, shell.stderr]) output.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await once(shell, "close");
  const codes = await Promise.all(["first", "second"].map((name) => readFile(scene.folder.file(name), "utf8")));
  return { codes: codes.map((code) => code.trim()), said };
}

const EXPORT = (): string => `${SEALIFT} export ${image} -o - --key k.key`;

describe("a real pipe", () => {
  test("takes a bundle from export to verify", async () => {
    const { codes, said } = await pipe(EXPORT(), `${SEALIFT} verify - --deep --key k.pub`);
    expect(codes, said).toEqual(["0", "0"]);
    expect(said).toContain("the bundle on standard input is whole");
  });

  test("takes a bundle from one registry to another", async () => {
    const { codes, said } = await pipe(EXPORT(), `${SEALIFT} import - --to ${scene.far.host} --key k.pub`);
    expect(codes, said).toEqual(["0", "0"]);
    expect(scene.far.storage.manifest("app", "1")?.bytes).toEqual(scene.near.storage.manifest("app", "1")?.bytes);
  });

  test("whose reader goes away ends the export with a clear error", async () => {
    const { codes, said } = await pipe(EXPORT(), "head -c 10000 >/dev/null");
    expect(codes[0], said).toBe("7");
    expect(said).toMatch(/who reads it went away after \d+ bytes \(EPIPE\) \[MEDIUM_FAILED, exit code 7\]/);
    expect(said).not.toMatch(/^ +at /m);
  });

  test("whose writer goes away ends verify and import with a clear error, and no tag", async () => {
    const { codes, said } = await pipe(`${EXPORT()} | head -c 1000000`, `${SEALIFT} verify - --key k.pub`);
    expect(codes[1], said).toBe("3");
    expect(said).toContain("it was cut off");
    const importing = await pipe(
      `${EXPORT()} | head -c 1000000`,
      `${SEALIFT} import - --to ${scene.far.host} --key k.pub`,
    );
    expect(importing.codes[1], importing.said).toBe("3");
    expect(scene.far.storage.tags("app")).toEqual([]);
  });
});

describe("Ctrl-C", () => {
  function start(...args: string[]): ChildProcess {
    return startSealift(scene.folder.path, args, ["pipe", "pipe", "pipe"]);
  }

  test("ends an export though nobody reads what it has written", async () => {
    const child = start("export", image, "-o", "-", "--key", "k.key");
    // Its first bytes have come; from when the pipe is full, a write of it waits.
    await once(child.stdout ?? child, "readable");
    await wait(1000);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
  });

  test.each([
    ["verify", []],
    ["import", ["--to", "registry.invalid"]],
  ])("ends %s though nothing more comes", async (command, more) => {
    await scene.export(["app:1"]);
    const child = start(command, "-", "--key", "k.pub", ...more);
    child.stdin?.write((await readFile(scene.bundle)).subarray(0, 6000));
    await untilItSays(child, "Signed by the trusted key");
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
  });
});
