import { describe, expect, test } from "vitest";
import { endpointsOn, placesOn } from "./lookup.js";

const HUB = "etc/containerd/certs.d/docker.io/hosts.toml";

describe("hosts.toml", () => {
  test("names mirrors, in the order in which they stand, and the registry", async () => {
    const text = `
server = "https://registry-1.docker.io"
[host."https://b.test"]
  capabilities = ["pull", "resolve"]
[host."https://a.test"]
[host."https://a.test".header]
  x-token = "hunter2"
[host."http://10.0.0.1:5000"]
`;
    expect(await placesOn({ [HUB]: text }, "nginx:1")).toEqual([
      "https://b.test/v2/library/nginx?ns=docker.io",
      "https://a.test/v2/library/nginx?ns=docker.io",
      "http://10.0.0.1:5000/v2/library/nginx?ns=docker.io",
      "https://registry-1.docker.io/v2/library/nginx",
    ]);
  });

  test("without a server, the registry itself comes last", async () => {
    expect(await placesOn({ [HUB]: '[host."a.test"]\n' }, "nginx:1")).toEqual([
      "https://a.test/v2/library/nginx?ns=docker.io",
      "https://registry-1.docker.io/v2/library/nginx",
    ]);
  });

  test.each([
    ['["pull"]', "never resolves"],
    ['["resolve"]', "never pulls"],
    ['["push"]', "never resolves never pulls"],
    ['["Pull", "RESOLVE", "referrers"]', ""],
    ["[]", ""],
  ])("capabilities %s", async (capabilities, expected) => {
    const text = `[host."https://a.test"]\ncapabilities = ${capabilities}\n`;
    const [place] = await placesOn({ [HUB]: text }, "nginx:1");
    expect(place).toBe(["https://a.test/v2/library/nginx?ns=docker.io", expected].filter(Boolean).join(" "));
  });

  test.each([
    ["https://a.test", false, "https://a.test/v2/x"],
    ["https://a.test/", false, "https://a.test/v2/x"],
    ["https://a.test/v2", false, "https://a.test/v2/x"],
    ["https://a.test/v2/proxy", true, "https://a.test/v2/proxy/x"],
    ["https://a.test/art/hub", false, "https://a.test/art/hub/v2/x"],
    ["https://a.test/art/hub", true, "https://a.test/art/hub/x"],
    ["https://a.test", true, "https://a.test/x"],
  ])("%s with override_path = %s is asked at %s", async (address, isOverridden, url) => {
    const text = `[host."${address}"]\noverride_path = ${isOverridden}\n`;
    const [place] = await placesOn({ "etc/containerd/certs.d/reg.test/hosts.toml": text }, "reg.test/x:1");
    expect(place).toBe(`${url}?ns=reg.test`);
  });

  test("what its paths name lies beside it", async () => {
    const text = `
[host."https://a.test"]
  ca = "ca.crt"
  client = [["client.cert", "/keys/client.key"]]
[host."https://b.test"]
  ca = ["one.crt", "/two.crt"]
  client = "both.pem"
  skip_verify = true
[host."https://c.test"]
  client = ["first.pem", "second.pem"]
`;
    const endpoints = await endpointsOn({ [HUB]: text }, "nginx:1");
    const [a, b, c] = endpoints.map(({ host }) => JSON.stringify(host.tls ?? {}).replaceAll(/"[^"]*certs\.d/g, '"DIR'));
    expect(a).toBe(
      '{"skipVerify":false,"authorities":["DIR/docker.io/ca.crt"],"client":{"certificate":"DIR/docker.io/client.cert","key":"/keys/client.key"}}',
    );
    expect(b).toBe(
      '{"skipVerify":true,"authorities":["DIR/docker.io/one.crt","/two.crt"],"client":{"certificate":"DIR/docker.io/both.pem","key":"DIR/docker.io/both.pem"}}',
    );
    expect(c).toContain('"client":{"certificate":"DIR/docker.io/first.pem"');
  });

  const to = (host: string) => `[host."https://${host}"]\n`;

  test.each<[string, Record<string, string>, string]>([
    ["reg.test:5000/x:1", { "etc/containerd/certs.d/reg.test:5000/hosts.toml": to("a.test") }, "a.test"],
    ["reg.test:5000/x:1", { "etc/containerd/certs.d/reg.test_5000_/hosts.toml": to("a.test") }, "a.test"],
    ["reg.test/x:1", { "etc/containerd/certs.d/_default/hosts.toml": to("a.test") }, "a.test"],
    [
      "reg.test/x:1",
      {
        "etc/containerd/certs.d/_default/hosts.toml": to("a.test"),
        "etc/containerd/certs.d/reg.test/hosts.toml": to("b.test"),
      },
      "b.test",
    ],
    [
      "reg.test/x:1",
      {
        "etc/containerd/certs.d/reg.test/hosts.toml": to("a.test"),
        "home/.config/containerd/certs.d/reg.test/hosts.toml": to("b.test"),
      },
      "b.test",
    ],
    [
      "reg.test/x:1",
      { "etc/containerd/certs.d/_default/hosts.toml": to("a.test"), "etc/containerd/certs.d/reg.test/ca.crt": "" },
      "reg.test",
    ],
  ])("of %s is found in %j", async (reference, files, host) => {
    const [place] = await placesOn(files, reference);
    expect(new URL(place!).host).toBe(host);
  });

  test.each([
    ["no TOML", "[host", "got something else at line 1"],
    ["no hosts", "host = 7", "host"],
    ["a host with a password", '[host."https://user:hunter2@a.test"]', "with a user or a password"],
    ["a host of another kind", '[host."https+unix:///x"]', "expected hosts like"],
    ["half a pair", '[host."https://a.test"]\nclient = [["a"]]', "client"],
  ])("that has %s is refused", async (_what, text, message) => {
    const error: unknown = await placesOn({ [HUB]: text }, "nginx:1").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining(message) as string });
    expect(String(error)).not.toContain("hunter2");
  });
});
