import { PassThrough, Writable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import { StreamSink } from "../../../src/bundle/index.js";
import { failureOf } from "../../support/errors.js";

test("what is written comes out, in order, and the pipe stays open", async () => {
  const pipe = new PassThrough();
  await using sink = new StreamSink(pipe, "standard output");
  await sink.allocate();
  await sink.write(0, Buffer.from("sea"));
  await sink.write(3, Buffer.from("lift"));
  await sink.commit();
  expect(pipe.writableEnded).toBe(false);
  pipe.end();
  expect((await buffer(pipe)).toString()).toBe("sealift");
});

test("a write is over when a reader has made room", async () => {
  const acknowledge: (() => void)[] = [];
  const pipe = new Writable({ write: (_chunk, _encoding, done) => void acknowledge.push(done) });
  await using sink = new StreamSink(pipe, "standard output");
  let isOver = false;
  const writing = sink.write(0, Buffer.from("0123")).then(() => {
    isOver = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  acknowledge[0]?.();
  await writing;
});

test("memory that was written may be used again, wherever it went", async () => {
  const pipe = new PassThrough();
  await using sink = new StreamSink(pipe, "standard output");
  const memory = Buffer.from("0123");
  await sink.write(0, memory);
  memory.fill("x");
  pipe.end();
  expect((await buffer(pipe)).toString()).toBe("0123");
});

test("a gap, and a step back, are faults of who writes", async () => {
  await using sink = new StreamSink(new PassThrough(), "standard output");
  await sink.write(0, Buffer.from("0123"));
  await expect(sink.write(5, Buffer.from("5"))).rejects.toThrow("byte 4 was to be written next");
  await expect(sink.write(0, Buffer.from("0"))).rejects.toThrow("byte 4 was to be written next");
});

function failing(code: string): Writable {
  return new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code, syscall: "write" })),
  });
}

test.each([
  ["EPIPE", "MEDIUM_FAILED", /went away after 0 bytes \(EPIPE\)/],
  ["ENOSPC", "NO_SPACE", /no space is left/],
  ["EIO", "MEDIUM_FAILED", /the medium failed/],
] as const)("%s is explained", async (errno, code, message) => {
  await using sink = new StreamSink(failing(errno), "standard output");
  const failure = await failureOf(() => sink.write(0, Buffer.from("0")));
  expect(failure).toMatchObject({ code, exitCode: 7 });
  expect(failure.message).toMatch(message);
  expect((await failureOf(() => sink.write(0, Buffer.from("0")))).code).toBe(code);
});

test("a reader that goes away while nothing is written is no unhandled error, and found at the next write", async () => {
  const pipe = new PassThrough();
  await using sink = new StreamSink(pipe, "standard output");
  await sink.write(0, Buffer.from("0"));
  pipe.destroy(Object.assign(new Error("broken pipe"), { code: "EPIPE", syscall: "write" }));
  await new Promise((resolve) => setImmediate(resolve));
  expect(await failureOf(() => sink.write(1, Buffer.from("1")))).toMatchObject({ code: "MEDIUM_FAILED" });
});

test("a write that nobody reads ends when the user wants to stop", async () => {
  const stop = new AbortController();
  const never = new Writable({ write: () => undefined });
  await using sink = new StreamSink(never, "standard output", { signal: stop.signal });
  const writing = sink.write(0, Buffer.from("0"));
  stop.abort(new Error("enough"));
  await expect(writing).rejects.toThrow("enough");
});
