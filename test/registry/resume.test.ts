import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "vitest";
import type { FetchOp, HeldBytes } from "../../src/ports/index.js";
import type { RegistryClient, RegistryClientOptions, RegistryRepository } from "../../src/registry/index.js";
import type { Quirks, RegistryServer } from "../../src/registry-server/index.js";
import { startRegistry } from "../../src/registry-server/index.js";
import { failureOf } from "../support/errors.js";
import { type Content, content, impatientClient } from "./fixture.js";

let registry: RegistryServer;
let store: RegistryServer | undefined;
let client: RegistryClient;
let takes: Take[];

interface Take {
  readonly position: number;
  readonly bytes: Buffer;
}

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await registry.close();
  await store?.close();
  store = undefined;
});

async function given(quirks: Quirks, options: RegistryClientOptions = {}): Promise<RegistryRepository> {
  registry = await startRegistry({ quirks });
  for (const { bytes } of [BLOB, LARGE]) registry.storage.putBlob("app", bytes);
  takes = [];
  client = impatientClient(options);
  return client.repository(registry.host, "app");
}

/** Bytes that are nowhere the same, so that none can stand for others. */
function noise(size: number): Content {
  const blocks = Array.from({ length: Math.ceil(size / 32) }, (_, at) =>
    createHash("sha256").update(`noise ${at}`).digest(),
  );
  return content(Buffer.concat(blocks).subarray(0, size));
}

const BLOB = noise(1000);
// More than an answer brings, so often that the tries would not suffice if none counted as progress.
const LARGE = noise(1_000_000);
const PIECE = 100_000;

/** Fetches a blob from a registry that stalls after `piece` bytes of each answer; the line is cut then. */
async function fetchCut(app: RegistryRepository, { descriptor }: Content, piece: number): Promise<void> {
  let begin = 0;
  let came = 0;
  await app.fetchBlob(descriptor, async (chunk, position) => {
    takes.push({ position, bytes: Buffer.from(chunk) });
    if (position !== begin + came) [begin, came] = [position, 0];
    came += chunk.length;
    if (came < piece || position + chunk.length === descriptor.size) return;
    [begin, came] = [position + chunk.length, 0];
    registry.cutConnections();
    store?.cutConnections();
  });
}

/** What was taken, each byte as it came last. */
function taken(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (const take of takes) bytes.set(take.bytes, take.position);
  return bytes;
}

/** All requests for blobs: the range that was asked for, and the status. */
function ranges(server = registry): string[] {
  return server.requests.map(({ headers, status }) => `${headers.range ?? "all"} ${status}`);
}

describe("a download that breaks", () => {
  test("goes on where it ended, with the hash of what came before", async () => {
    const app = await given({ stallsAfter: { bytes: 400 } });
    await fetchCut(app, BLOB, 400);
    expect(ranges()).toEqual(["all 200", "bytes=400- 206", "bytes=800- 206"]);
    expect(takes.map(({ position }) => position)).toEqual([0, 400, 800]);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("has all its tries again whenever it got on, however often that is", async () => {
    const app = await given({ stallsAfter: { bytes: PIECE } }, { retry: { tries: 2 } });
    await fetchCut(app, LARGE, PIECE);
    expect(registry.requests).toHaveLength(10);
    expect(taken(LARGE.bytes.length).equals(LARGE.bytes)).toBe(true);
  });

  test("is given up when it gets on by some bytes only", async () => {
    const app = await given({ stallsAfter: { bytes: 100 } }, { retry: { tries: 4 } });
    const failure = await failureOf(() => fetchCut(app, BLOB, 100));
    expect(failure.code).toBe("UNREACHABLE");
    expect(ranges()).toEqual(["all 200", "bytes=100- 206", "bytes=200- 206", "bytes=300- 206"]);
  });

  test("is not resumed with no tries left", async () => {
    const app = await given({ stallsAfter: { bytes: PIECE } }, { retry: { tries: 1 } });
    await expect(fetchCut(app, LARGE, PIECE)).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect(registry.requests).toHaveLength(1);
  });

  test("asks the registry again, and never the storage that it was sent to", async () => {
    const app = await given({});
    store = await startRegistry({ quirks: { stallsAfter: { bytes: 600 } } });
    store.storage.putBlob("app", BLOB.bytes);
    registry.restage({ redirectsBlobs: `http://${store.host}` });
    await fetchCut(app, BLOB, 600);
    expect(ranges()).toEqual(["all 307", "bytes=600- 307"]);
    expect(ranges(store)).toEqual(["all 200", "bytes=600- 206"]);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("gets a new token when the old one has expired meanwhile", async () => {
    const app = await given({ stallsAfter: { bytes: 600 }, tokenAccess: { uses: 1 } });
    await fetchCut(app, BLOB, 600);
    expect(registry.requests.map(({ path, status }) => `${path.split("?")[0]?.split("/").at(1)} ${status}`)).toEqual([
      "v2 401",
      "token 200",
      "v2 200",
      "v2 401",
      "token 200",
      "v2 206",
    ]);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("outlasts a registry that is away when it comes back", async () => {
    const app = await given({ stallsAfter: { bytes: 600 } });
    const cut = registry.cutConnections.bind(registry);
    registry.cutConnections = () => {
      registry.restage({ unavailable: 2 });
      cut();
    };
    await fetchCut(app, BLOB, 600);
    expect(ranges()).toEqual(["bytes=600- 503", "bytes=600- 503", "bytes=600- 206"]);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("asks for nothing more when it breaks after the last byte", async () => {
    const app = await given({ endlessBlobs: true });
    await app.fetchBlob(BLOB.descriptor, async () => registry.cutConnections());
    expect(ranges()).toEqual(["all 200"]);
  });

  test("and is hashed on another thread goes on in the same way", async () => {
    const app = await given({ stallsAfter: { bytes: 3_000_000 } });
    const huge = noise(5_000_000);
    registry.storage.putBlob("app", huge.bytes);
    await fetchCut(app, huge, 3_000_000);
    expect(ranges()).toEqual(["all 200", "bytes=3000000- 206"]);
    expect(taken(5_000_000).equals(huge.bytes)).toBe(true);
  });

  test("waits for a slow taker before it goes on, so that nothing is hashed out of turn", async () => {
    const app = await given({ stallsAfter: { bytes: 600 } });
    let busy = 0;
    await app.fetchBlob(BLOB.descriptor, async (chunk, position) => {
      expect(busy).toBe(0);
      busy += 1;
      takes.push({ position, bytes: Buffer.from(chunk) });
      if (position === 0) {
        registry.cutConnections();
        // Long enough for whatever would not wait.
        for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        expect(registry.requests).toHaveLength(1);
      }
      busy -= 1;
    });
    expect(taken(1000)).toEqual(BLOB.bytes);
  });
});

describe("a server that cannot resume", () => {
  const once = { stallsAfter: { bytes: 600, times: 1 } };

  test("and sends the whole again has what came before passed over", async () => {
    const app = await given({ ...once, ranges: "whole" });
    await fetchCut(app, BLOB, 600);
    expect(ranges()).toEqual(["all 200", "bytes=600- 200"]);
    expect(takes.map(({ position }) => position)).toEqual([0, 600]);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("and sends the whole again and again is given up after the usual tries", async () => {
    const app = await given({ ranges: "whole", cutBlobs: true }, { retry: { tries: 4 } });
    await expect(fetchCut(app, LARGE, LARGE.bytes.length)).rejects.toMatchObject({ code: "UNREACHABLE" });
    // What the first try brought gave all tries again; nothing else did.
    expect(ranges()).toEqual(["all 200", `bytes=${LARGE.bytes.length / 2}- 200`, "all 200", "all 200"]);
  });

  test.each(["refused", "elsewhere", "shorter", "resized", "mislabelled"] as const)(
    "and answers with a range that is %s is asked for the whole",
    async (how) => {
      const app = await given({ ...once, ranges: how });
      await fetchCut(app, BLOB, 600);
      expect(ranges()).toEqual(["all 200", `bytes=600- ${how === "refused" ? 416 : 206}`, "all 200"]);
      expect(takes.map(({ position }) => position)).toEqual([0, 600]);
      expect(taken(1000)).toEqual(BLOB.bytes);
    },
  );
});

describe("a blob of pieces that do not belong together", () => {
  test("is fetched once more, as a whole", async () => {
    const app = await given({ stallsAfter: { bytes: 600, times: 1 }, ranges: "changed" });
    await fetchCut(app, BLOB, 600);
    expect(ranges()).toEqual(["all 200", "bytes=600- 206", "all 200"]);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("is given up when the whole is wrong as well", async () => {
    const app = await given({ stallsAfter: { bytes: 600, times: 1 }, wrongBlobBytes: true });
    await expect(fetchCut(app, BLOB, 600)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(ranges()).toEqual(["all 200", "bytes=600- 206", "all 200"]);
  });

  test("and one that came wrong in a single piece is not fetched again", async () => {
    const app = await given({ wrongBlobBytes: true });
    await expect(fetchCut(app, BLOB, 600)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(ranges()).toEqual(["all 200"]);
  });
});

/** The first bytes of a blob as an earlier run left them. */
function heldOf({ bytes }: Content, length: number, change: (held: Buffer) => Buffer = (held) => held): HeldBytes {
  const held = change(Buffer.from(bytes.subarray(0, length)));
  return { length, read: async (position, count) => Buffer.from(held.subarray(position, position + count)) };
}

describe("a blob of which bytes are held", () => {
  async function fetchHeld(app: RegistryRepository, { descriptor }: Content, op: FetchOp): Promise<void> {
    await app.fetchBlob(
      descriptor,
      async (chunk, position) => void takes.push({ position, bytes: Buffer.from(chunk) }),
      op,
    );
  }

  const positions = (): number[] => takes.map(({ position }) => position);

  test("is fetched from there on, and the held bytes are not given again", async () => {
    const app = await given({});
    await fetchHeld(app, BLOB, { held: heldOf(BLOB, 400) });
    expect(ranges()).toEqual(["bytes=400- 206"]);
    expect(positions()[0]).toBe(400);
    expect(taken(1000).subarray(400)).toEqual(BLOB.bytes.subarray(400));
  });

  test("is hashed in several steps, and on another thread if it is large", async () => {
    const app = await given({});
    const huge = noise(6_000_000);
    registry.storage.putBlob("app", huge.bytes);
    await fetchHeld(app, huge, { held: heldOf(huge, 5_000_000) });
    expect(ranges()).toEqual(["bytes=5000000- 206"]);
    expect(taken(6_000_000).subarray(5_000_000).equals(huge.bytes.subarray(5_000_000))).toBe(true);
  });

  test("is not asked for at all if it is all held", async () => {
    const app = await given({});
    await fetchHeld(app, BLOB, { held: heldOf(BLOB, 1000) });
    expect(ranges()).toEqual([]);
    expect(takes).toEqual([]);
  });

  test("is fetched as a whole if none is held", async () => {
    const app = await given({});
    await fetchHeld(app, BLOB, { held: heldOf(BLOB, 0) });
    expect(ranges()).toEqual(["all 200"]);
  });

  test("is passed over up to there if the server sends all of it", async () => {
    const app = await given({ ranges: "whole" });
    await fetchHeld(app, BLOB, { held: heldOf(BLOB, 400) });
    expect(ranges()).toEqual(["bytes=400- 200"]);
    expect(positions()[0]).toBe(400);
    expect(taken(1000).subarray(400)).toEqual(BLOB.bytes.subarray(400));
  });

  test("goes on after a break where it then was", async () => {
    const app = await given({ stallsAfter: { bytes: 300, times: 1 } });
    await app.fetchBlob(
      BLOB.descriptor,
      async (chunk, position) => {
        takes.push({ position, bytes: Buffer.from(chunk) });
        if (position + chunk.length === 700) registry.cutConnections();
      },
      { held: heldOf(BLOB, 400) },
    );
    expect(ranges()).toEqual(["bytes=400- 206", "bytes=700- 206"]);
    expect(positions()).toEqual([400, 700]);
  });

  test.each([
    ["a part", 400, ["bytes=400- 206", "all 200"]],
    ["all", 1000, ["all 200"]],
  ] as const)("is fetched as a whole if what is held, %s, is wrong", async (_how, length, requests) => {
    const app = await given({});
    await fetchHeld(app, BLOB, { held: heldOf(BLOB, length, (held) => held.fill(0)) });
    expect(ranges()).toEqual(requests);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("is fetched as a whole if what is held cannot be read to its end", async () => {
    const app = await given({});
    const huge = noise(1_500_000);
    registry.storage.putBlob("app", huge.bytes);
    const held = heldOf(huge, 1_400_000);
    const read: HeldBytes["read"] = async (position, length) => {
      if (position > 0) throw new Error("the medium is gone");
      return await held.read(position, length);
    };
    await fetchHeld(app, huge, { held: { ...held, read } });
    expect(ranges()).toEqual(["all 200"]);
    expect(taken(1_500_000).equals(huge.bytes)).toBe(true);
  });

  test("is fetched as a whole if more is held than it has", async () => {
    const app = await given({});
    await fetchHeld(app, BLOB, { held: { ...heldOf(BLOB, 1000), length: 1001 } });
    expect(ranges()).toEqual(["all 200"]);
  });

  test("is given up if the registry has something else, too", async () => {
    const app = await given({ wrongBlobBytes: true });
    await expect(fetchHeld(app, BLOB, { held: heldOf(BLOB, 400) })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(ranges()).toEqual(["bytes=400- 206", "all 200"]);
  });

  test("ends when it is stopped while they are hashed", async () => {
    const app = await given({});
    const controller = new AbortController();
    const held = heldOf(BLOB, 400);
    const read: HeldBytes["read"] = async (position, length) => {
      controller.abort(new Error("stopped"));
      return await held.read(position, length);
    };
    await expect(fetchHeld(app, BLOB, { held: { ...held, read }, signal: controller.signal })).rejects.toThrow(
      "stopped",
    );
    expect(takes).toEqual([]);
  });
});

describe("a blob whose bytes must be given once only", () => {
  async function fetchOnce(app: RegistryRepository, { descriptor }: Content, piece: number): Promise<void> {
    let came = 0;
    await app.fetchBlob(
      descriptor,
      async (chunk, position) => {
        expect(position).toBe(came);
        takes.push({ position, bytes: Buffer.from(chunk) });
        came += chunk.length;
        if (came === piece) registry.cutConnections();
      },
      { once: true },
    );
  }

  const cut = { stallsAfter: { bytes: 600, times: 1 } };

  test.each([
    ["can resume", {}, ["all 200", "bytes=600- 206"]],
    ["sends the whole again", { ranges: "whole" }, ["all 200", "bytes=600- 200"]],
    ["refuses ranges", { ranges: "refused" }, ["all 200", "bytes=600- 416", "all 200"]],
    ["answers with another range", { ranges: "elsewhere" }, ["all 200", "bytes=600- 206", "all 200"]],
  ] as const)("goes on where it ended, if the server %s", async (_how, quirks, requests) => {
    const app = await given({ ...cut, ...quirks });
    await fetchOnce(app, BLOB, 600);
    expect(ranges()).toEqual(requests);
    expect(taken(1000)).toEqual(BLOB.bytes);
  });

  test("fails if what came in pieces is wrong", async () => {
    const app = await given({ ...cut, ranges: "changed" });
    await expect(fetchOnce(app, BLOB, 600)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(ranges()).toEqual(["all 200", "bytes=600- 206"]);
  });
});
