import { describe, expect, test } from "vitest";
import { isLoopback, registryHost } from "../../src/registry/host.js";

describe("registryHost", () => {
  test.each<[string, string]>([
    ["docker.io", "https://registry-1.docker.io"],
    ["ghcr.io", "https://ghcr.io"],
    ["registry.example:443", "https://registry.example"],
    ["registry.example:5000", "https://registry.example:5000"],
    ["localhost", "http://localhost"],
    ["localhost:5000", "http://localhost:5000"],
    ["127.0.0.1:5000", "http://127.0.0.1:5000"],
    ["[::1]:5000", "http://[::1]:5000"],
  ])("%s is reached at %s", (registry, origin) => {
    expect(registryHost(registry, isLoopback).origin).toBe(origin);
  });

  test("the caller says where plain HTTP is spoken, of the host that is reached", () => {
    const asked: string[] = [];
    const plainHttp = (host: string) => asked.push(host) === 1;
    expect(registryHost("docker.io", plainHttp).origin).toBe("http://registry-1.docker.io");
    expect(registryHost("reg.internal:80", plainHttp).origin).toBe("https://reg.internal:80");
    expect(asked).toEqual(["registry-1.docker.io", "reg.internal:80"]);
  });
});

describe("isLoopback", () => {
  test.each([
    "localhost.example.com",
    "127.0.0.1.example.com",
    "example.com:127",
    "[::2]",
    "10.0.0.1",
    "127.evil.com:80",
  ])("%s is another machine", (host) => expect(isLoopback(host)).toBe(false));
});
