import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { type FileHandle, open } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { HashPool } from "../../src/bundle/hash-pool.js";
import { TempFolder } from "../support/temp-folder.js";
import { noDescriptorsLeft, noDescriptorsLeftExplained } from "../support/thread-failure.js";

const bytes = Buffer.alloc(500_000, "some bytes ");

// A thread that dies cannot be had on demand: for one test, these stand in for threads.
const { stub } = vi.hoisted(() => ({
  stub: { workers: undefined as StubWorker[] | undefined, failure: undefined as Error | undefined },
}));
vi.mock("node:worker_threads", async (original) => {
  const actual = await original<typeof import("node:worker_threads")>();
  function Worker(...args: ConstructorParameters<typeof actual.Worker>): unknown {
    if (stub.failure !== undefined) throw stub.failure;
    return stub.workers === undefined ? new actual.Worker(...args) : new StubWorker(stub.workers);
  }
  return { ...actual, Worker };
});

class StubWorker extends EventEmitter {
  readonly requests: unknown[] = [];
  isTerminated = false;

  constructor(all: StubWorker[]) {
    super();
    all.push(this);
  }

  postMessage(request: unknown): void {
    this.requests.push(request);
  }

  async terminate(): Promise<number> {
    this.isTerminated = true;
    return 1;
  }
}

// One processor: no threads. All the same, a pool is a pool.
describe.each([1, 4])("a hash pool with %i processors", (processors) => {
  let folder: TempFolder;
  let file: FileHandle;
  beforeAll(async () => {
    folder = await TempFolder.create();
    file = await open(folder.file("file"), "w+");
    await file.writeFile(bytes);
  });
  afterAll(async () => {
    await file.close();
    await folder[Symbol.asyncDispose]();
  });

  function range(position: number, length: number): Parameters<HashPool["hash"]>[0] {
    return { ranges: [{ fd: file.fd, position, length }], algorithm: "sha256" };
  }

  test("hashes ranges, and says how much there was of them", async () => {
    await using pool = new HashPool(processors);
    const sha256 = (part: Uint8Array): string => createHash("sha256").update(part).digest("hex");
    const results = await Promise.all([
      pool.hash(range(0, bytes.length)),
      pool.hash(range(7, 300_000)),
      pool.hash(range(400_000, 200_000)),
      pool.hash(range(900_000, 10)),
      pool.hash({ ...range(0, 10), algorithm: "sha512" }),
    ]);
    expect(results).toMatchObject([
      { hex: sha256(bytes), read: 500_000 },
      { hex: sha256(bytes.subarray(7, 300_007)), read: 300_000 },
      { hex: sha256(bytes.subarray(400_000)), read: 100_000 },
      { hex: sha256(Buffer.alloc(0)), read: 0 },
      { hex: createHash("sha512").update(bytes.subarray(0, 10)).digest("hex"), read: 10 },
    ]);
  });

  test("hashes ranges in one, up to the first that ends early", async () => {
    await using pool = new HashPool(processors);
    const sha256 = (...parts: Uint8Array[]): string => createHash("sha256").update(Buffer.concat(parts)).digest("hex");
    const [first, second, short] = [range(450_000, 50_000), range(0, 200_000), range(499_990, 20)].map(
      ({ ranges }) => ranges[0]!,
    );
    const whole = await pool.hash({ ranges: [first!, second!], algorithm: "sha256" });
    expect(whole).toMatchObject({ hex: sha256(bytes.subarray(450_000), bytes.subarray(0, 200_000)), read: 250_000 });
    expect(await pool.hash({ ranges: [first!, short!, second!], algorithm: "sha256" })).toMatchObject({ read: 50_010 });
  });

  test("keeps what a failed call says, and goes on", async () => {
    await using pool = new HashPool(processors);
    await using directory = { handle: await open(folder.path), [Symbol.asyncDispose]: () => directory.handle.close() };
    const failing = pool.hash({
      ranges: [...range(0, 10).ranges, { fd: directory.handle.fd, position: 0, length: 10 }],
      algorithm: "sha256",
    });
    await expect(failing).rejects.toMatchObject({ code: "EISDIR", syscall: "read", read: 10 });
    await expect(failing).rejects.toThrow(/^EISDIR: /);
    await expect(failing).rejects.toBeInstanceOf(Error);
    expect(await pool.hash(range(0, 10))).toMatchObject({ read: 10 });
  });

  test("that is closed takes nothing more, and may be closed again", async () => {
    const pool = new HashPool(processors);
    await pool.hash(range(0, 10));
    await pool[Symbol.asyncDispose]();
    await expect(pool.hash(range(0, 10))).rejects.toThrow("the hash pool is closed");
    await pool[Symbol.asyncDispose]();
  });

  test("that was never used has nothing to close", async () => {
    await new HashPool(processors)[Symbol.asyncDispose]();
  });

  test("stops in the middle of a range when it is told to, and when it is closed", async () => {
    await using pool = new HashPool(processors);
    await using large = await sparseFile(1024 ** 4);
    const request: Parameters<HashPool["hash"]>[0] = {
      ranges: [{ fd: large.handle.fd, position: 0, length: 1024 ** 4 }],
      algorithm: "sha256",
    };
    const stop = new AbortController();
    const stopped = pool.hash(request, { signal: stop.signal, onBytes: () => stop.abort(new Error("enough")) });
    await expect(stopped).rejects.toThrow("enough");

    const closing = new HashPool(processors);
    const closed = closing.hash(request, { onBytes: () => void closing[Symbol.asyncDispose]() });
    await expect(closed).rejects.toThrow("the hash pool is closed");
  });

  async function sparseFile(size: number) {
    const handle = await open(folder.file("large"), "w+");
    await handle.truncate(size);
    return { handle, [Symbol.asyncDispose]: () => handle.close() };
  }
});

describe("a hash pool", () => {
  test("with a thread that dies fails all that runs or waits, and all that comes", async () => {
    const request = { ranges: [{ fd: 0, position: 0, length: 10 }], algorithm: "sha256" } as const;
    const workers = (stub.workers = [] as StubWorker[]);
    try {
      const pool = new HashPool(4);
      const jobs = Array.from({ length: 20 }, () => pool.hash(request));
      const settled = Promise.allSettled(jobs);
      // No more threads than processors, the rest waits.
      expect(workers).toHaveLength(4);
      expect(workers.map(({ requests }) => requests.length)).toEqual(workers.map(() => 1));

      workers[0]?.emit("error", new Error("out of memory"));
      for (const result of await settled) {
        expect(result).toMatchObject({ status: "rejected", reason: { message: "out of memory" } });
      }
      await expect(pool.hash(request)).rejects.toThrow("out of memory");
      // A late answer of another thread changes nothing.
      workers[1]?.emit("message", { type: "done", hex: "", read: 0 });
      await pool[Symbol.asyncDispose]();
      expect(workers.every(({ isTerminated }) => isTerminated)).toBe(true);
    } finally {
      stub.workers = undefined;
    }
  });

  describe("that has no file descriptors left for a thread", () => {
    const request = { ranges: [{ fd: 0, position: 0, length: 10 }], algorithm: "sha256" } as const;
    afterEach(() => {
      stub.workers = undefined;
      stub.failure = undefined;
    });

    test("says so, for all that runs or waits", async () => {
      const workers = (stub.workers = [] as StubWorker[]);
      await using pool = new HashPool(2);
      const settled = Promise.allSettled(Array.from({ length: 3 }, () => pool.hash(request)));
      workers[1]?.emit("error", noDescriptorsLeft);
      for (const result of await settled)
        expect(result).toMatchObject({ status: "rejected", reason: noDescriptorsLeftExplained });
      await expect(pool.hash(request)).rejects.toMatchObject(noDescriptorsLeftExplained);
    });

    test("says so where the thread fails at once", async () => {
      stub.failure = noDescriptorsLeft;
      await using pool = new HashPool(2);
      await expect(pool.hash(request)).rejects.toMatchObject(noDescriptorsLeftExplained);
    });

    test("fails who waits, and not the process, when an answer makes way for another thread", async () => {
      const workers = (stub.workers = [] as StubWorker[]);
      await using pool = new HashPool(2);
      const stop = new AbortController();
      const stopped = pool.hash(request, { signal: stop.signal });
      const settled = Promise.allSettled([stopped, pool.hash(request), pool.hash(request)]);
      expect(workers).toHaveLength(2);
      stub.failure = noDescriptorsLeft;
      stop.abort(new Error("enough"));
      expect(await settled).toMatchObject([
        { reason: { message: "enough" } },
        { reason: noDescriptorsLeftExplained },
        { reason: noDescriptorsLeftExplained },
      ]);
    });
  });
});
