import { describe, expect, test } from "vitest";
import { Proxies } from "../../../src/registry/proxy/proxies.js";

function proxyFor(url: string, env: NodeJS.ProcessEnv): string | undefined {
  return new Proxies(env).for(new URL(url))?.url.href;
}

describe("the proxy", () => {
  test.each<[string, NodeJS.ProcessEnv, string | undefined]>([
    ["https://reg.test/", {}, undefined],
    ["https://reg.test/", { HTTPS_PROXY: "http://proxy.test:3128" }, "http://proxy.test:3128/"],
    ["https://reg.test/", { https_proxy: "http://proxy.test:3128" }, "http://proxy.test:3128/"],
    ["https://reg.test/", { HTTPS_PROXY: "http://a.test", https_proxy: "http://b.test" }, "http://a.test/"],
    ["https://reg.test/", { HTTPS_PROXY: "" }, undefined],
    ["https://reg.test/", { HTTPS_PROXY: "proxy.test:3128" }, "http://proxy.test:3128/"],
    ["https://reg.test/", { HTTPS_PROXY: "https://proxy.test" }, "https://proxy.test/"],
    ["https://reg.test/", { HTTP_PROXY: "http://proxy.test:3128" }, undefined],
    ["http://reg.test/", { HTTP_PROXY: "http://proxy.test:3128" }, "http://proxy.test:3128/"],
    ["http://reg.test/", { HTTPS_PROXY: "http://proxy.test:3128" }, undefined],
    ["https://reg.test/", { HTTPS_PROXY: "http://proxy.test", NO_PROXY: "reg.test" }, undefined],
    ["https://reg.test/", { HTTPS_PROXY: "http://proxy.test", no_proxy: "reg.test" }, undefined],
    ["https://127.0.0.1/", { HTTPS_PROXY: "http://proxy.test" }, undefined],
  ])("for %s with %j is %s", (url, env, expected) => {
    expect(proxyFor(url, env)).toBe(expected);
  });

  test("is told user and password, and neither stays in its URL", () => {
    const proxy = new Proxies({ HTTPS_PROXY: "http://us%40er:p%3Ass%2F@proxy.test:3128" }).for(
      new URL("https://a.test"),
    );
    expect(proxy?.url.href).toBe("http://proxy.test:3128/");
    const login = Buffer.from("us@er:p:ss/").toString("base64");
    expect(proxy?.headers).toEqual({ "proxy-authorization": `Basic ${login}` });
  });

  test.each([
    ["http://user:hunter2@"],
    ["http://user:hunter2@proxy.test:99999"],
    ["http://user:1/hunter2@proxy.test"],
    ["http://user:hunter2%@proxy.test"],
    ["http://user:1#hunter2@proxy.test"],
    ["user:hunter2@proxy.test/path"],
    ["socks5://user:hunter2@proxy.test"],
    ["hunter2 hunter2"],
  ])("named by %s is refused, and nothing of that is shown", (HTTPS_PROXY) => {
    let error: unknown;
    try {
      proxyFor("https://reg.test/", { HTTPS_PROXY });
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "CONFIG_INVALID" });
    expect(String(error)).toContain("expected HTTPS_PROXY to be the URL of an HTTP proxy");
    expect(JSON.stringify([String(error), error])).not.toContain("hunter2");
  });
});
