import { generateKeyPairSync } from "node:crypto";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { RegistryClient, RegistryClientOptions, RegistryRepository } from "../../../src/registry/index.js";
import type { Quirks } from "../../../src/registry-server/index.js";
import { TestAuthority } from "../../support/certificates.js";
import { fetchBytes } from "../../support/fetch-bytes.js";
import { TestMachine } from "../../support/surroundings.js";
import { startTlsRegistry, type TlsRegistry } from "../../support/tls-registry.js";
import { containing, impatientClient, LAYER, MANIFEST, putApp, startedRegistry } from "../fixture.js";

let authority: TestAuthority;
let other: TestAuthority;
let machine: TestMachine;
let client: RegistryClient | undefined;
const started: TlsRegistry[] = [];

beforeAll(() => {
  authority = new TestAuthority();
  other = new TestAuthority("Other Authority");
});

beforeEach(async () => {
  machine = await TestMachine.create();
});

afterEach(async () => {
  await client?.[Symbol.asyncDispose]();
  client = undefined;
  for (const { registry } of started.splice(0)) await registry.close();
  await machine[Symbol.asyncDispose]();
});

/** A registry with `app:1` behind TLS; with `asksClients`, it lets in whom the authority knows. */
async function secure(options: { asksClients?: boolean; quirks?: Quirks } = {}): Promise<TlsRegistry> {
  const clients =
    options.asksClients === true ? { requestCert: true, rejectUnauthorized: false, ca: authority.cert } : {};
  const tls = await startTlsRegistry({ ...authority.forServer(), ...clients }, options.quirks);
  putApp(tls.registry);
  started.push(tls);
  return tls;
}

function repositoryAt(host: string, options: RegistryClientOptions = {}): RegistryRepository {
  client = impatientClient({ surroundings: machine.surroundings, plainHttp: () => false, ...options });
  return client.repository(host, "app");
}

async function expectBlob(app: RegistryRepository): Promise<void> {
  expect(await fetchBytes(app, LAYER.descriptor)).toEqual(LAYER.bytes);
}

describe("an authority of one's own is trusted when it stands", () => {
  test("in a file that is named, beside others", async () => {
    const { registry } = await secure();
    await machine.write({ "ca.pem": `Some words.\n${other.cert}\n${authority.cert}` });
    await expectBlob(repositoryAt(registry.host, { tls: { caFiles: [machine.path("ca.pem")] } }));
  });

  test.each(["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"])("in the file that %s names", async (variable) => {
    const { registry } = await secure();
    await machine.write({ "ca.pem": authority.cert });
    machine.env[variable] = machine.path("ca.pem");
    await expectBlob(repositoryAt(registry.host));
  });

  test.each([
    "etc/ssl/certs/ca-certificates.crt",
    "etc/pki/tls/certs/ca-bundle.crt",
    "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "etc/ssl/cert.pem",
  ])("among the system's, in %s", async (path) => {
    const { registry } = await secure();
    await machine.write({ [path]: authority.cert });
    await expectBlob(repositoryAt(registry.host));
  });

  test.each([
    "home/.config/containers/certs.d",
    "home/.config/docker/certs.d",
    "etc/containers/certs.d",
    "etc/docker/certs.d",
  ])("in %s, in the folder of its host and port", async (folder) => {
    const { registry } = await secure();
    await machine.write({ [`${folder}/${registry.host}/anything.crt`]: authority.cert });
    await expectBlob(repositoryAt(registry.host));
  });
});

describe("a certificate is refused, and nothing sent,", () => {
  async function expectRefusal(app: RegistryRepository, message: string, hint: string): Promise<void> {
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({
      code: "UNREACHABLE",
      message: containing(message),
      hint: containing(hint),
    });
    expect(started[0]?.registry.requests).toEqual([]);
  }

  test("when nobody vouches for it", async () => {
    const { registry } = await secure();
    await expectRefusal(repositoryAt(registry.host), "unable to verify the first certificate", "--ca-file");
  });

  test("when its authority is trusted for another port only", async () => {
    const { registry } = await secure();
    await machine.write({ "etc/docker/certs.d/127.0.0.1:1/ca.crt": authority.cert });
    await expectRefusal(repositoryAt(registry.host), "unable to verify the first certificate", "--ca-file");
  });

  test.each([
    ["for another host", "elsewhere.test", undefined, "altnames", "is for other names"],
    ["expired", "127.0.0.1", new Date("2001-01-01"), "certificate has expired", "clock"],
  ])("when it is %s", async (_what, host, notAfter, message, hint) => {
    const tls = await startTlsRegistry(authority.forServer([host], notAfter));
    started.push(tls);
    await machine.write({ "ca.pem": authority.cert });
    const app = repositoryAt(tls.registry.host, { tls: { caFiles: [machine.path("ca.pem")] } });
    await expectRefusal(app, message, hint);
  });

  test("even when Node was told not to look", async () => {
    const { registry } = await secure();
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    try {
      await expectRefusal(repositoryAt(registry.host), "unable to verify the first certificate", "--ca-file");
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

test("who answers is not checked if that is wanted", async () => {
  const { registry } = await secure();
  await expectBlob(repositoryAt(registry.host, { tls: { skipVerify: true } }));
});

test("requests one after the other share connections", async () => {
  const { registry, clients } = await secure();
  await machine.write({ "ca.pem": authority.cert });
  const app = repositoryAt(registry.host, { tls: { caFiles: [machine.path("ca.pem")] } });
  for (let count = 0; count < 10; count += 1) await app.has(LAYER.descriptor);
  expect(registry.requests).toHaveLength(10);
  // The second request may come a moment before the first one is over.
  expect(clients.length).toBeLessThanOrEqual(2);
});

describe("a client certificate", () => {
  async function withClientOf(host: string, folder = "etc/docker/certs.d"): Promise<void> {
    const { cert, key } = authority.forClient("carrier");
    await machine.write({
      [`${folder}/${host}/ca.crt`]: authority.cert,
      [`${folder}/${host}/client.cert`]: cert,
      [`${folder}/${host}/client.key`]: key,
    });
  }

  test("is shown to the host whose folder it lies in", async () => {
    const { registry, clients } = await secure({ asksClients: true });
    await withClientOf(registry.host);
    await expectBlob(repositoryAt(registry.host));
    expect(clients).toEqual(["carrier"]);
  });

  test("stays behind when a blob is redirected, though its authority vouches for the store, too", async () => {
    const store = await secure({ asksClients: true });
    const { registry, clients } = await secure({
      asksClients: true,
      quirks: { redirectsBlobs: `https://${store.registry.host}` },
    });
    await withClientOf(registry.host);
    await expectBlob(repositoryAt(registry.host));
    expect(clients).toEqual(["carrier"]);
    expect(store.clients).toEqual([undefined]);
    expect(store.registry.requestLines()).toEqual([`GET /v2/app/blobs/${LAYER.descriptor.digest} 200`]);
  });
});

test.each([
  "Client sent an HTTP request to an HTTPS server.",
  "<html><center>The plain HTTP request was sent to HTTPS port</center></html>",
])("a registry with TLS that is asked without says so, and so do we: %s", async (errorBody) => {
  await using registry = await startedRegistry({ missingBlobs: true, errorBody });
  const app = repositoryAt(registry.host, { plainHttp: () => true });
  await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({ hint: containing("--plain-http=false") });
});

test("a redirect from TLS to plain HTTP is refused", async () => {
  const { registry } = await secure({ quirks: { redirectsBlobs: "http://127.0.0.1:1" } });
  await machine.write({ "ca.pem": authority.cert });
  const app = repositoryAt(registry.host, { tls: { caFiles: [machine.path("ca.pem")] } });
  await expect(fetchBytes(app, LAYER.descriptor)).rejects.toMatchObject({
    code: "REGISTRY_PROTOCOL",
    message: containing("a Location without TLS"),
  });
});

describe("what cannot be used is said before anybody is asked:", () => {
  const LOCKED_KEY = generateKeyPairSync("ec", { namedCurve: "P-256" })
    .privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "hunter2" })
    .toString();

  async function expectProblem(
    { code, message }: { code: string; message: string },
    options: RegistryClientOptions = {},
  ): Promise<void> {
    const { registry } = started[0] ?? (await secure());
    const app = repositoryAt(registry.host, options);
    await expect(app.fetchManifest(MANIFEST.descriptor)).rejects.toMatchObject({ code, message: containing(message) });
    expect(registry.requests).toEqual([]);
  }

  test("a file of authorities that is missing", async () => {
    const path = machine.path("missing.pem");
    await expectProblem({ code: "FILE_NOT_FOUND", message: path }, { tls: { caFiles: [path] } });
  });

  test("a file that NODE_EXTRA_CA_CERTS names and that is missing", async () => {
    machine.env["NODE_EXTRA_CA_CERTS"] = machine.path("missing.pem");
    await expectProblem({ code: "FILE_NOT_FOUND", message: "missing.pem" });
  });

  test.each([
    ["no PEM", "MIIB…", "to hold certificates in PEM, got nothing of the kind"],
    ["nothing", "", "to hold certificates in PEM, got nothing of the kind"],
    ["a private key", LOCKED_KEY, "to hold certificates in PEM, got nothing of the kind"],
    [
      "PEM of something else",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "to hold certificates in PEM, got one that cannot be read",
    ],
  ])("a file of authorities with %s", async (_what, text, message) => {
    await machine.write({ "ca.pem": text });
    await expectProblem({ code: "CONFIG_INVALID", message }, { tls: { caFiles: [machine.path("ca.pem")] } });
  });

  test("a file of authorities without end", async () => {
    await expectProblem({ code: "CONFIG_INVALID", message: "regular file" }, { tls: { caFiles: ["/dev/zero"] } });
  });

  describe("in a folder of certificates,", () => {
    async function given(files: Readonly<Record<string, string>>): Promise<void> {
      const { registry } = await secure();
      const folder = `etc/containers/certs.d/${registry.host}`;
      await machine.write(Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text])));
    }

    test("a certificate without its key", async () => {
      await given({ "client.cert": authority.forClient("carrier").cert });
      await expectProblem({ code: "CONFIG_INVALID", message: 'expected "client.key" beside "client.cert"' });
    });

    test("a key without its certificate", async () => {
      await given({ "client.key": authority.forClient("carrier").key });
      await expectProblem({ code: "CONFIG_INVALID", message: 'expected "client.cert" beside "client.key"' });
    });

    test("a key of another certificate", async () => {
      const { cert } = authority.forClient("carrier");
      await given({ "client.cert": cert, "client.key": authority.forClient("carrier").key });
      await expectProblem({ code: "CONFIG_INVALID", message: "to be the private key of the certificate in" });
    });

    test("a key with a password", async () => {
      await given({ "client.cert": authority.forClient("carrier").cert, "client.key": LOCKED_KEY });
      await expectProblem({ code: "CONFIG_INVALID", message: "a private key without a password in PEM" });
    });

    test("an authority that is none", async () => {
      await given({ "ca.crt": "garbage" });
      await expectProblem({ code: "CONFIG_INVALID", message: "to hold certificates in PEM" });
    });
  });

  test("a file where the folder should be", async () => {
    const { registry } = await secure();
    await machine.write({ [`etc/docker/certs.d/${registry.host}`]: authority.cert });
    await expectProblem({ code: "CONFIG_INVALID", message: "to be a folder of certificates, got a file" });
  });
});
