import { describe, expect, test } from "vitest";
import { connectionError, isTransientConnectionError } from "../../src/registry/connection-error.js";
import { ProxyFailure } from "../../src/registry/proxy/proxy-failure.js";

function failure(code: string): Error {
  return Object.assign(new Error("the words of OpenSSL"), { code });
}

describe("what no further try helps against, and what does:", () => {
  test.each([
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "/etc/docker/certs.d/reg.test:5000"],
    ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "/etc/docker/certs.d/reg.test:5000"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "for other names"],
    ["CERT_HAS_EXPIRED", "clock"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "--ca-file"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "--ca-file"],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "--ca-file"],
  ])("%s", (code, hint) => {
    const error = connectionError(failure(code), "something", "reg.test:5000");
    expect(error.hint).toContain(hint);
    expect(isTransientConnectionError(failure(code))).toBe(false);
  });
});

describe("a proxy that", () => {
  test.each([
    ["wants a password", new ProxyFailure("proxy.test:3128", { status: 407 }), false, "http://USER:PASSWORD@"],
    ["refuses", new ProxyFailure("proxy.test:3128", { status: 403 }), false, "add it to NO_PROXY"],
    ["cannot connect", new ProxyFailure("proxy.test:3128", { status: 503 }), true, "add it to NO_PROXY"],
    ["is down", new ProxyFailure("proxy.test:3128", { cause: failure("ECONNREFUSED") }), true, "check HTTPS_PROXY"],
    [
      "does not exist",
      new ProxyFailure("proxy.test:3128", { cause: failure("ENOTFOUND") }),
      false,
      "check HTTPS_PROXY",
    ],
  ])("%s", (_what, cause, isTransient, hint) => {
    const error = connectionError(cause, "something", "reg.test:5000");
    expect(error.message).toContain("the proxy proxy.test:3128 gave no connection");
    expect(error.hint).toContain(hint);
    expect(isTransientConnectionError(cause)).toBe(isTransient);
  });
});
