import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MEDIA_TYPE } from "../../../src/oci/index.js";
import { type RegistryServer, startRegistry } from "../../../src/registry-server/index.js";
import { FakeHost } from "../fake-host.js";

let registry: RegistryServer;
let repository: string;

beforeEach(async () => {
  registry = await startRegistry();
  repository = `${registry.host}/team/app`;
  for (const tag of ["1.10.0", "latest", "1.9.0", "1.9.0-alpine", `sha256-${"a".repeat(64)}.sig`]) {
    registry.storage.putManifest("team/app", tag, MEDIA_TYPE.ociManifest, Buffer.from("{}"));
  }
});

afterEach(async () => {
  await registry.close();
});

describe("tags", () => {
  test.each([
    ["", "latest\n1.9.0-alpine\n1.9.0\n1.10.0\n"],
    [":1.9*", "1.9.0-alpine\n1.9.0\n"],
    [":^1", "1.9.0\n1.10.0\n"],
    ["@newest=1", "1.10.0\n"],
    [":3.*", ""],
  ])("REPOSITORY%s prints one tag in a line", async (pattern, text) => {
    const host = new FakeHost();
    expect(await host.run("tags", `${repository}${pattern}`)).toBe(0);
    expect(host.stdout.text).toBe(text);
    expect(host.stderr.text).toBe("");
  });

  test("--json prints one object", async () => {
    const host = new FakeHost();
    expect(await host.run("tags", `${repository}:~1.9`, "--json")).toBe(0);
    expect(host.json).toEqual({ ok: true, exitCode: 0, result: { repository, tags: ["1.9.0"] } });
  });

  test.each([
    [":1.9.0", "USAGE", "expected a repository, or one with a tag pattern, got one image"],
    [`@sha256:${"a".repeat(64)}`, "USAGE", "expected a repository, or one with a tag pattern, got one image"],
    [":~foo", "REFERENCE_INVALID", "expected a range of versions"],
    [":", "REFERENCE_INVALID", 'the tag ""'],
  ])("2: REPOSITORY%s, before the registry is asked", async (suffix, code, message) => {
    const host = new FakeHost();
    expect(await host.run("tags", `${repository}${suffix}`)).toBe(2);
    expect(host.stderr.text).toContain(message);
    expect(host.stderr.text).toContain(`[${code}, exit code 2]`);
    expect(registry.requests).toEqual([]);
  });

  test.each(["127.0.0.1:5711", "localhost:5000", "reg.internal:5000"])("2: %s is a registry alone", async (text) => {
    const host = new FakeHost();
    expect(await host.run("tags", text)).toBe(2);
    expect(host.stderr.text).toContain(
      `expected a repository, got "${text}", which is a registry [USAGE, exit code 2]`,
    );
    expect(host.stderr.text).toContain(`hint: add the repository, such as ${text}/team/app\n`);
  });

  test("2: one image of Docker Hub is no registry", async () => {
    const host = new FakeHost();
    expect(await host.run("tags", "nginx:5000")).toBe(2);
    expect(host.stderr.text).toContain("or write a pattern such as docker.io/library/nginx:1.*\n");
  });

  test("4: a repository that is not there", async () => {
    const host = new FakeHost();
    expect(await host.run("tags", `${registry.host}/team/gone`)).toBe(4);
    expect(host.stderr.text).toContain("[NOT_FOUND, exit code 4]");
  });

  test("what is no tag is said, and not shown", async () => {
    registry.restage({ tagList: ["1.0", "\u001b]0;title\u0007"] });
    const host = new FakeHost();
    expect(await host.run("tags", repository)).toBe(0);
    expect(host.stdout.text).toBe("1.0\n");
    expect(host.stderr.text).toContain(`warning: ${repository} lists what is no tag; left out: "`);
    expect(host.stderr.text).not.toMatch(/[\u001b\u0007]/);
  });
});
