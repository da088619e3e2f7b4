import { finished, PassThrough, type Readable } from "node:stream";
import type { Answer } from "./http.js";

/** What an upload failed with when it was not the registry's fault: the bytes to send could not be had, or were wrong. */
export class SourceFailure extends Error {
  override readonly name = "SourceFailure";

  constructor(cause: unknown) {
    super("the source of the upload failed", { cause });
  }
}

// As large as the streams before it hold.
const HIGH_WATER_MARK = 1024 * 1024;

/**
 * Sends what `open` gives as the body of a request, and destroys it when the
 * request is over, however that ended.
 *
 * The stream in between tells who failed: when a connection breaks, undici
 * destroys the stream it was given with the connection's error. It tells as well
 * who is slow: while it holds bytes, that is the line.
 *
 * @param patience - After how many milliseconds in which no byte left the upload is given up.
 * @returns The answer, and whether it came after the whole body was sent.
 * @throws SourceFailure, or what `exchange` fails with.
 */
export async function sendBody(
  open: () => Promise<Readable>,
  patience: number,
  exchange: (body: Readable) => Promise<Answer>,
): Promise<{ answer: Answer; wasWholeSent: boolean }> {
  const source = await open().catch((cause: unknown) => {
    throw new SourceFailure(cause);
  });
  const body = new PassThrough({ highWaterMark: HIGH_WATER_MARK });
  let failure: SourceFailure | undefined;
  finished(source, { writable: false }, (error) => {
    if (!error || body.destroyed) return;
    failure = new SourceFailure(error);
    body.destroy(failure);
  });
  body.on("error", () => undefined);
  body.once("close", () => source.destroy());
  source.pipe(body);
  const watch = watchForStall(source, body, patience);
  try {
    const answer = await exchange(body);
    return { answer, wasWholeSent: body.readableEnded };
  } catch (error) {
    throw failure ?? error;
  } finally {
    clearInterval(watch);
    body.destroy();
    source.destroy();
  }
}

function watchForStall(source: Readable, body: PassThrough, patience: number): NodeJS.Timeout {
  let given = 0;
  let before = 0;
  source.on("data", (chunk: Uint8Array) => {
    given += chunk.length;
  });
  return setInterval(() => {
    const held = body.writableLength + body.readableLength;
    const left = given - held;
    if (held > 0 && left === before) body.destroy(new Error(`no byte could be sent for ${patience / 1000} s`));
    before = left;
  }, patience);
}
