import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { SealiftError } from "../../src/errors/index.js";
import { RegistryClient } from "../../src/registry/index.js";
import { failureOf } from "../support/errors.js";
import { LAYER, opener } from "./fixture.js";

const SECRET = "hunter2-hunter2";
const USER = { username: "ann", password: SECRET };
const BASIC = Buffer.from(`ann:${SECRET}`).toString("base64");

let server: Server;
let client: RegistryClient;

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A server of its own kind, and a client that gives up soon. */
async function given(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  client = new RegistryClient({ credentials: async () => USER, timeouts: { whole: 300 }, retry: { tries: 1 } });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function resolving(host: string): Promise<SealiftError> {
  const reference = { registry: host, repository: "app", tag: "1" };
  return await failureOf(() => client.repository(host, "app").resolve(reference));
}

/** All of an error that can ever be printed. */
function allOf(error: SealiftError): string {
  return `${error.message} ${error.hint ?? ""} ${error.stack ?? ""} ${String(error.cause)}`;
}

test("a server that drips, and so is never silent, is given up", async () => {
  const host = await given((_request, response) => {
    response.writeHead(200, { "content-type": "application/vnd.oci.image.manifest.v1+json" });
    const drip = setInterval(() => response.write(" "), 20);
    response.on("close", () => {
      clearInterval(drip);
    });
  });
  const failure = await resolving(host);
  expect(failure).toMatchObject({ code: "UNREACHABLE" });
  expect(failure.message).toContain("more than 0.3 s");
});

test("an upload that is answered with 102 for ever is given up", async () => {
  const host = await given((request, response) => {
    if (request.method === "POST") {
      response.writeHead(202, { location: "/v2/app/blobs/uploads/1" }).end();
      return;
    }
    request.resume();
    const processing = setInterval(() => {
      response.writeProcessing();
    }, 10);
    response.on("close", () => {
      clearInterval(processing);
    });
  });
  const failure = await failureOf(() => client.repository(host, "app").putBlob(LAYER.descriptor, opener(LAYER)));
  expect(failure).toMatchObject({ code: "UNREACHABLE" });
  expect(failure.message).toContain("more than 0.3 s");
});

test.each([
  ["with a comma too many", `{"token":"${SECRET}",}`],
  ["in plain text", `token=${SECRET}`],
  ["without an end within reason", `{"token":"${SECRET}","padding":"${"x".repeat(400_000)}"}`],
])("a token %s is not repeated in the error", async (_what, answer) => {
  const host = await given((request, response) => {
    if (request.url?.startsWith("/token") === true) response.end(answer);
    else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${host}/token",service="x"` }).end();
  });
  const failure = await resolving(host);
  expect(failure).toMatchObject({ code: "REGISTRY_PROTOCOL" });
  expect(allOf(failure)).not.toContain(SECRET);
});

test.each([
  ["as text", (header: string) => `you sent Authorization: ${header}`],
  ["as JSON", (header: string) => JSON.stringify({ errors: [{ code: "DENIED", message: `not with ${header}` }] })],
])("credentials that a server repeats %s are not repeated again", async (_what, bodyOf) => {
  const host = await given((request, response) => {
    const { authorization } = request.headers;
    if (authorization === undefined) response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
    else response.writeHead(403).end(bodyOf(authorization));
  });
  const failure = await failureOf(() => client.repository(host, "app").putBlob(LAYER.descriptor, opener(LAYER)));
  expect(failure.code).toBe("DENIED");
  expect(failure.message).toContain("Basic ***");
  expect(allOf(failure)).not.toContain(BASIC);
});

test.each([`ftp://ann:${SECRET}@elsewhere/?signature=${SECRET}`, `ann:${SECRET}`, `http:[${SECRET}`])(
  "a password in a malformed Location is not repeated: %s",
  async (location) => {
    const host = await given((_request, response) => {
      response.writeHead(307, { location }).end();
    });
    const failure = await resolving(host);
    expect(failure.code).toBe("REGISTRY_PROTOCOL");
    expect(allOf(failure)).not.toContain(SECRET);
  },
);
