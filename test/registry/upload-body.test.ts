import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Answer } from "../../src/registry/http.js";
import { sendBody } from "../../src/registry/upload-body.js";

const MINUTE = 60_000;
const PIECE = Buffer.alloc(500_000);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function later(minutes: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, minutes * MINUTE));
}

/** Sends a body of pieces that come, and are sent, at some distance; gives up after five minutes. */
async function send(pieces: number, comesEvery: number, isSentEvery: number): Promise<string> {
  async function* source(): AsyncGenerator<Buffer> {
    for (let count = 0; count < pieces; count += 1) {
      await later(comesEvery);
      yield PIECE;
    }
  }
  async function* line(body: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of body.iterator() as AsyncIterable<Buffer>) {
      await later(isSentEvery);
      yield chunk;
    }
  }
  const exchange = async (body: Readable): Promise<Answer> => {
    const { length } = await buffer(Readable.from(line(body)));
    return { status: length === pieces * PIECE.length ? 201 : 400 } as Answer;
  };
  const open = async () => Readable.from(source(), { objectMode: false });
  const sent = sendBody(open, 5 * MINUTE, exchange).then(
    ({ answer, wasWholeSent }) => `${answer.status} ${wasWholeSent}`,
    (error: unknown) => (error as Error).message,
  );
  await vi.runAllTimersAsync();
  return await sent;
}

describe("an upload", () => {
  test("takes its time on a slow line", async () => {
    expect(await send(10, 0, 4)).toBe("201 true");
  });

  test("takes its time from a slow source", async () => {
    expect(await send(3, 60, 0)).toBe("201 true");
  });

  test("is given up when nothing of it can be sent for too long", async () => {
    expect(await send(10, 0, 11)).toBe("no byte could be sent for 300 s");
  });
});
