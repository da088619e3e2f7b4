import { describe, expect, test } from "vitest";
import { placesOn } from "./lookup.js";

const SYSTEM = "etc/docker/daemon.json";
const USER = "home/.config/docker/daemon.json";

async function placesWith(daemon: object, reference: string): Promise<string[]> {
  return await placesOn({ [SYSTEM]: JSON.stringify(daemon) }, reference);
}

describe("daemon.json", () => {
  const daemon = { "registry-mirrors": ["https://a.test", "http://b.test:5000/"], "log-driver": "journald" };

  test("names mirrors of Docker Hub", async () => {
    expect(await placesWith(daemon, "nginx:1")).toEqual([
      "https://a.test/v2/library/nginx",
      "http://b.test:5000/v2/library/nginx",
      "https://registry-1.docker.io/v2/library/nginx",
    ]);
  });

  test("names no mirrors of others", async () => {
    expect(await placesWith(daemon, "quay.io/a/b:1")).toEqual(["https://quay.io/v2/a/b"]);
  });

  test("of the user goes before the system's", async () => {
    const user = JSON.stringify({ "registry-mirrors": ["https://u.test"] });
    const [first] = await placesOn({ [SYSTEM]: JSON.stringify(daemon), [USER]: user }, "nginx:1");
    expect(first).toBe("https://u.test/v2/library/nginx");
  });

  test.each([
    ["reg.test:5000/x:1", ["https://reg.test:5000/v2/x unchecked", "http://reg.test:5000/v2/x detour"]],
    ["reg.test/x:1", ["https://reg.test/v2/x"]],
    ["10.1.2.3:5000/x:1", ["https://10.1.2.3:5000/v2/x unchecked", "http://10.1.2.3:5000/v2/x detour"]],
    ["127.0.0.1:5000/x:1", ["http://127.0.0.1:5000/v2/x"]],
  ])("names registries that are insecure: %s", async (reference, places) => {
    const insecure = ["reg.test:5000", "10.0.0.0/8", "127.0.0.0/8"];
    expect(await placesWith({ "insecure-registries": insecure }, reference)).toEqual(places);
  });

  test("may call a mirror insecure", async () => {
    const both = { "registry-mirrors": ["https://a.test"], "insecure-registries": ["a.test"] };
    expect((await placesWith(both, "nginx:1"))[0]).toBe("https://a.test/v2/library/nginx unchecked");
  });

  test.each([
    ["no JSON", '{"http-proxy": "http://user:hunter2@', "in JSON, got something else"],
    ["another form", '{"registry-mirrors": "hunter2"}', "in JSON, got something else"],
    ["a mirror with a path", '{"registry-mirrors": ["https://a.test/x"]}', "expected registry-mirrors like"],
    ["a mirror with a password", '{"registry-mirrors": ["https://u:hunter2@a.test"]}', "with a user or a password"],
    ["a mirror that is no URL", '{"registry-mirrors": ["a.test"]}', "expected registry-mirrors like"],
  ])("that has %s is refused", async (_what, text, message) => {
    const error: unknown = await placesOn({ [SYSTEM]: text }, "nginx:1").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(message) as string });
    expect(String(error)).not.toContain("hunter2");
  });
});
