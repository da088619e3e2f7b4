import { createHash } from "node:crypto";
import fc from "fast-check";
import { EventEmitter } from "node:events";
import { afterEach, describe, expect, test, vi } from "vitest";
import { HashThread } from "../../src/io/index.js";
import { digestOf } from "../../src/oci/index.js";
import { noDescriptorsLeft, noDescriptorsLeftExplained } from "../support/thread-failure.js";

// A thread that cannot start cannot be had on demand.
const { stub } = vi.hoisted(() => ({ stub: { start: undefined as (() => unknown) | undefined } }));
vi.mock("node:worker_threads", async (original) => {
  const actual = await original<typeof import("node:worker_threads")>();
  function Worker(...args: ConstructorParameters<typeof actual.Worker>): unknown {
    return stub.start === undefined ? new actual.Worker(...args) : stub.start();
  }
  return { ...actual, Worker };
});

// Enough that a thread is started for it.
const LARGE = 8 * 1024 * 1024;

// One processor: no thread. The result is the same.
describe.each([1, 2])("hashing with %i processors", (processors) => {
  test("gives the digest of all chunks in order, of several blobs at a time", async () => {
    await using thread = new HashThread(() => undefined, processors);
    const sizes = fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 3 }), async (blobs) => {
        const hashed = blobs.map(async (chunkSizes, index) => {
          const expected = createHash("sha512");
          const hash = thread.begin("sha512", LARGE);
          for (const [position, size] of chunkSizes.entries()) {
            const chunk = Buffer.alloc(size, `${index} ${position} `);
            expected.update(chunk);
            await hash.update(chunk);
          }
          expect(await hash.digest()).toBe(`sha512:${expected.digest("hex")}`);
        });
        await Promise.all(hashed);
      }),
      { numRuns: 10 },
    );
  });

  test("hashes a chunk that shares its memory with others, and leaves them there", async () => {
    await using thread = new HashThread(() => undefined, processors);
    const hash = thread.begin("sha256", LARGE);
    const shared = Buffer.alloc(1000, "shared memory ");
    await hash.update(shared.subarray(100, 300));
    expect(await hash.digest()).toBe(digestOf(shared.subarray(100, 300)));
    expect(shared.equals(Buffer.alloc(1000, "shared memory "))).toBe(true);
  });

  test("forgets a blob that is abandoned, and goes on with the others", async () => {
    await using thread = new HashThread(() => undefined, processors);
    const abandoned = thread.begin("sha256", LARGE);
    await abandoned.update(Buffer.from("half of it"));
    abandoned.abandon();
    const hash = thread.begin("sha256", LARGE);
    await hash.update(Buffer.from("all of it"));
    expect(await hash.digest()).toBe(digestOf(Buffer.from("all of it")));
    hash.abandon();
  });

  test("is over when it is closed", async () => {
    const thread = new HashThread(() => undefined, processors);
    await thread[Symbol.asyncDispose]();
    expect(() => thread.begin("sha256", LARGE)).toThrow("the hash thread is closed");
  });
});

describe("the thread", () => {
  test("gives the memory of chunks back once they are hashed", async () => {
    const given: Uint8Array[] = [];
    await using thread = new HashThread((chunk) => given.push(chunk), 2);
    const hash = thread.begin("sha256", LARGE);
    const chunk = new Uint8Array(1000).fill(7);
    await hash.update(chunk);
    expect(chunk.byteLength).toBe(0);
    await hash.digest();
    expect(given).toEqual([new Uint8Array(1000).fill(7)]);
  });

  test("holds up whoever feeds it faster than it hashes", async () => {
    let back = 0;
    await using thread = new HashThread((chunk) => void (back += chunk.length), 2);
    const hash = thread.begin("sha256", LARGE);
    let most = 0;
    for (let fed = 1; fed <= 40; fed += 1) {
      await hash.update(new Uint8Array(1024 * 1024));
      most = Math.max(most, fed * 1024 * 1024 - back);
    }
    await hash.digest();
    expect(most).toBeLessThanOrEqual(8 * 1024 * 1024);
    expect(back).toBe(40 * 1024 * 1024);
  });

  test("that is closed in the middle fails who waits for it", async () => {
    const thread = new HashThread(() => undefined, 2);
    const hash = thread.begin("sha256", LARGE);
    const digest = hash.digest();
    const failed = expect(digest).rejects.toThrow("the hash thread is closed");
    await thread[Symbol.asyncDispose]();
    await failed;
    await expect(hash.update(Buffer.from("more"))).rejects.toThrow("the hash thread is closed");
  });
});

describe("a hash thread for which no file descriptors are left", () => {
  afterEach(() => {
    stub.start = undefined;
  });

  test("says so to who waits, and to who comes", async () => {
    const worker = Object.assign(new EventEmitter(), { postMessage: () => undefined, terminate: async () => 1 });
    stub.start = () => worker;
    await using thread = new HashThread(() => undefined, 2);
    const digest = thread.begin("sha256", LARGE).digest();
    worker.emit("error", noDescriptorsLeft);
    await expect(digest).rejects.toMatchObject(noDescriptorsLeftExplained);
    expect(() => thread.begin("sha256", LARGE)).toThrow(expect.objectContaining(noDescriptorsLeftExplained));
  });

  test("says so where it fails at once", async () => {
    stub.start = () => {
      throw noDescriptorsLeft;
    };
    await using thread = new HashThread(() => undefined, 2);
    expect(() => thread.begin("sha256", LARGE)).toThrow(expect.objectContaining(noDescriptorsLeftExplained));
  });
});
