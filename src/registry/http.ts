import { Readable } from "node:stream";
import { Agent, type Dispatcher } from "undici";
import { connectionError } from "./connection-error.js";
import { ReadBuffers } from "./read-buffers.js";

/** How long a server may be silent, in milliseconds. */
export interface Timeouts {
  /** After a request, until the answer's headers. */
  readonly headers: number;
  /** Within an answer's body, from one byte to the next. */
  readonly body: number;
  /** After an upload, until the answer's headers: the registry stores the blob meanwhile. */
  readonly commit: number;
  /** From a request to the end of its answer, for all that is no blob: a server that drips is never silent. */
  readonly whole: number;
}

const DEFAULT_TIMEOUTS: Timeouts = {
  // A registry that mirrors another may fetch a layer before it says a word.
  headers: 5 * 60_000,
  // A body that has begun comes from a disk; a link that is lost for a minute is lost.
  body: 60_000,
  // A registry may copy and hash the whole of a large blob before it answers.
  commit: 15 * 60_000,
  // 4 MiB, the largest manifest, at the speed of a modem.
  whole: 15 * 60_000,
};

// undici's 64 KiB would stop the socket after every chunk.
const HIGH_WATER_MARK = 1024 * 1024;

/** One HTTP request. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** Completes `expected …` in messages. */
  readonly wanted: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Readable | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether the answer is a blob, which may take any time. */
  readonly isBlob?: boolean | undefined;
}

/** The answer to a request. Its body must be read to its end, destroyed, or discarded. */
export interface Answer {
  readonly status: number;
  /** Who answered. */
  readonly url: URL;
  readonly body: Readable;
  /** The value of a header, named in lower case; several are joined by commas (RFC 9110 section 5.3). */
  readonly header: (name: string) => string | undefined;
  /** What a failure of the body means: the error to throw in its place. */
  readonly failure: (cause: unknown) => unknown;
  /** Lets go of the body; a short one is read, so that the connection can be used again. */
  readonly discard: () => void;
}

/**
 * Sends single requests, without credentials, redirects or second tries of its
 * own, over connections it keeps open.
 *
 * There are as many connections as requests at a time: with fewer, an upload
 * that reads from a download could wait for a connection which that download
 * holds. How much happens at a time is the caller's choice.
 */
export class HttpClient implements AsyncDisposable {
  /** What answers are read into. */
  readonly buffers = new ReadBuffers();
  readonly #agent = new Agent({ connect: this.buffers.connectOptions });
  readonly #timeouts: Timeouts;

  constructor(timeouts: Partial<Timeouts> = {}) {
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...timeouts };
  }

  /** @throws SealiftError `UNREACHABLE`; or the signal's reason. */
  async exchange(request: HttpRequest): Promise<Answer> {
    const { method, url, wanted, body, signal } = request;
    const failure = (cause: unknown): unknown =>
      signal?.aborted ? signal.reason : connectionError(cause, wanted, url.host);
    const deadline = new Deadline(body instanceof Readable ? undefined : this.#timeouts.whole);
    try {
      const response = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        // A blob's digest is that of its bytes as they are stored, not as a server may compress them.
        headers: { "user-agent": "sealift", "accept-encoding": "identity", ...request.headers },
        body: body ?? null,
        signal: signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]),
        headersTimeout: method === "PUT" || method === "PATCH" ? this.#timeouts.commit : this.#timeouts.headers,
        bodyTimeout: this.#timeouts.body,
        highWaterMark: HIGH_WATER_MARK,
        // By default, undici gives up the connection after a HEAD; an import sends hundreds.
        reset: false,
      });
      if (request.isBlob === true) deadline.lift();
      else response.body.once("close", () => deadline.lift());
      return answerOf(response, url, failure);
    } catch (cause) {
      deadline.lift();
      throw failure(cause);
    }
  }

  /** Cuts all connections, and so ends all requests that are under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** A time by which something must be over. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;

  /** @param milliseconds - Undefined for no deadline. */
  constructor(milliseconds: number | undefined) {
    if (milliseconds === undefined) return;
    this.#timer = setTimeout(() => {
      this.#controller.abort(new Error(`the answer took more than ${milliseconds / 1000} s`));
    }, milliseconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  lift(): void {
    clearTimeout(this.#timer);
  }
}

function answerOf(response: Dispatcher.ResponseData, url: URL, failure: (cause: unknown) => unknown): Answer {
  const { statusCode, headers, body } = response;
  // Whoever reads the body listens; who discards it does not care.
  body.on("error", () => undefined);
  return {
    status: statusCode,
    url,
    body,
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    failure,
    discard: () => void body.dump().catch(() => undefined),
  };
}
