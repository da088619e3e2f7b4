import { describe, expect, test } from "vitest";
import { parseChallenges } from "../../src/registry/challenge.js";
import { isLoopback, registryHost } from "../../src/registry/host.js";
import { tokenEndpoint } from "../../src/registry/realm.js";
import { failureOf } from "../support/errors.js";

function endpoint(registry: string, realm: string, privateRealms: readonly string[] = []): string {
  const [challenge] = parseChallenges(`Bearer realm="${realm}"`);
  return tokenEndpoint(challenge!, registryHost(registry, isLoopback), privateRealms).href;
}

describe("a token realm is taken", () => {
  test.each<[string, string, string]>([
    ["at a public host with TLS", "docker.io", "https://auth.docker.io/token"],
    ["at a name within the network, which may be anything", "reg.internal", "https://tokens.internal:8443/t"],
    ["that is a part of the registry", "10.0.0.5", "https://10.0.0.5/service/token"],
    ["that is a part of the registry, without TLS", "localhost:5000", "http://localhost:5000/token"],
    ["at another port of the registry's host", "10.0.0.5:5000", "https://10.0.0.5:5001/token"],
    ["on this machine, for a registry on this machine", "127.0.0.1:5000", "http://localhost:5001/token"],
    ["at a public address", "reg.example", "https://1.1.1.1/token"],
    ["at a public address of IPv6", "reg.example", "https://[2606:4700:4700::1111]/token"],
  ])("%s", (_what, registry, realm) => {
    expect(endpoint(registry, realm)).toBe(realm);
  });

  test("at a private address that was allowed by name, with its port", () => {
    const allowed = ["10.1.2.3:8443"];
    expect(endpoint("reg.internal", "https://10.1.2.3:8443/t", allowed)).toBe("https://10.1.2.3:8443/t");
    expect(() => endpoint("reg.internal", "https://10.1.2.3/t", allowed)).toThrow("a private address");
    expect(() => endpoint("reg.internal", "http://10.1.2.3:8443/t", allowed)).toThrow("https");
  });
});

describe("hostile: a token realm is refused", () => {
  test.each([
    "https://10.1.2.3/token",
    "https://172.16.0.1/token",
    "https://192.168.1.1:8443/token",
    "https://100.64.0.1/token",
    "https://127.0.0.1/token",
    "https://localhost/token",
    "https://tokens.localhost./token",
    "https://0.0.0.0/token",
    "https://169.254.169.254/latest/meta-data/",
    "https://[::1]/token",
    "https://[fd00:ec2::254]/token",
    "https://[fe80::1]/token",
    "https://[::ffff:10.1.2.3]/token",
    "https://[::10.1.2.3]/token",
    "https://[64:ff9b::10.1.2.3]/token",
    "https://[2002:a01:203::1]/token",
    "https://[fec0::1]/token",
    "https://192.0.0.192/opc/v2/instance/",
    "https://198.18.0.1/token",
    "https://240.0.0.1/token",
    "https://255.255.255.255/token",
    // The same addresses as the URL standard reads them.
    "https://0x0a010203/token",
    "https://167838211/token",
    "https://012.1.2.3/token",
    "https://10.1.2.3./token",
    "https://ann:pw@10.1.2.3/token",
  ])("at a private address of another host: %s", async (realm) => {
    const error = await failureOf(() => endpoint("reg.example", realm));
    expect(error).toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(error.message).toContain("a private address");
    expect(error.hint).toMatch(/add --allow-private-realm \S+$/);
  });

  test.each([
    ["without TLS", "http://tokens.example/token"],
    ["without TLS, at the registry's own host", "http://reg.example/token"],
    ["of another scheme", "file:///etc/passwd"],
    ["that is no URL", "token"],
    ["that is empty", ""],
    ["that is a path", "//tokens.example/token"],
  ])("%s", async (_what, realm) => {
    const error = await failureOf(() => endpoint("reg.example", realm));
    expect(error).toMatchObject({ code: "REGISTRY_PROTOCOL" });
    expect(error.message).toContain("to name an https URL as its token realm");
  });

  test("on this machine, for a registry elsewhere: plain HTTP is for what is here only", async () => {
    expect(await failureOf(() => endpoint("reg.example", "http://127.0.0.1:2375/token"))).toMatchObject({
      code: "REGISTRY_PROTOCOL",
    });
  });

  test("at another private host, for a registry at a private address", async () => {
    expect(await failureOf(() => endpoint("10.0.0.5:5000", "https://10.0.0.6/token"))).toMatchObject({
      code: "REGISTRY_PROTOCOL",
    });
  });
});
