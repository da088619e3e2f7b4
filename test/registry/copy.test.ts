import { once } from "node:events";
import { PassThrough, type Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Descriptor } from "../../src/oci/index.js";
import type { ImageSource } from "../../src/ports/index.js";
import type { RegistryClient } from "../../src/registry/index.js";
import { type RegistryServer, startRegistry } from "../../src/registry-server/index.js";
import { fetchBytes } from "../support/fetch-bytes.js";
import { content, impatientClient } from "./fixture.js";

let registry: RegistryServer;
let client: RegistryClient;

beforeEach(async () => {
  registry = await startRegistry();
  client = impatientClient();
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await registry.close();
});

/** A blob as a stream, which takes it from its source as it is read. */
async function opened(source: ImageSource, descriptor: Descriptor): Promise<Readable> {
  const stream = new PassThrough();
  const take = async (chunk: Uint8Array): Promise<void> => {
    if (!stream.write(Buffer.from(chunk))) await once(stream, "drain");
  };
  source.fetchBlob(descriptor, take).then(
    () => stream.end(),
    (error: unknown) => stream.destroy(error as Error),
  );
  return stream;
}

describe("many blobs at a time", () => {
  const blobs = Array.from({ length: 20 }, (_, index) => content(Buffer.alloc(300_000, index)));

  test("are copied within one registry, though each copy takes two connections", async () => {
    for (const { bytes } of blobs) registry.storage.putBlob("a", bytes);
    const [from, to] = [client.repository(registry.host, "a"), client.repository(registry.host, "b")];
    await Promise.all(blobs.map(({ descriptor }) => to.putBlob(descriptor, () => opened(from, descriptor))));
    expect(blobs.filter(({ descriptor }) => registry.storage.hasBlob("b", descriptor.digest))).toHaveLength(20);
  });

  test("may share a signal without a warning of too many listeners", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error) => void warnings.push(warning);
    process.on("warning", onWarning);
    for (const { bytes } of blobs) registry.storage.putBlob("a", bytes);
    registry.restage({ tokenAccess: {} });
    const { signal } = new AbortController();
    const from = client.repository(registry.host, "a");
    await Promise.all(blobs.map(async ({ descriptor }) => fetchBytes(from, descriptor, { signal })));
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });
});

describe("a blob that nobody reads on", () => {
  test("is held up at the registry, not in memory", async () => {
    const large = content(Buffer.alloc(64 * 1024 * 1024));
    registry.storage.putBlob("a", large.bytes);
    const before = process.memoryUsage().arrayBuffers;
    const stop = new AbortController();
    let fetched: Promise<void> | undefined;
    await new Promise<void>((resolve) => {
      const take = async (): Promise<void> => {
        resolve();
        await once(stop.signal, "abort");
      };
      fetched = client.repository(registry.host, "a").fetchBlob(large.descriptor, take, { signal: stop.signal });
    });
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    stop.abort(new Error("stop"));
    await expect(fetched).rejects.toThrow("stop");
  });
});
