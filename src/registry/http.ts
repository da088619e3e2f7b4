import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { isSealiftError } from "../errors/index.js";
import type { EventListener } from "../ports/index.js";
import { connectionError } from "./connection-error.js";
import { Connections } from "./connections.js";
import { isLoopback, type RegistryHost } from "./host.js";
import { ProxyFailure } from "./proxy/proxy-failure.js";
import { ReadBuffers } from "./read-buffers.js";
import { Places, type Surroundings } from "./surroundings.js";
import type { TlsOptions } from "./tls/tls-settings.js";
import { unlessAborted } from "./unless-aborted.js";

/** How long a server may be silent, in milliseconds. */
export interface Timeouts {
  /** After a request, until the answer's headers. */
  readonly headers: number;
  /** Within an answer's body: after it, a blob that came too slowly is given up, too. */
  readonly body: number;
  /** Within an upload, while there are bytes to send. */
  readonly upload: number;
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
  // Bytes leave in chunks of half a MiB, which take a line of 20 kB/s that several
  // uploads share some minutes. An upload that is given up begins anew.
  upload: 5 * 60_000,
  // A registry may copy and hash the whole of a large blob before it answers.
  commit: 15 * 60_000,
  // 4 MiB, the largest manifest, at the speed of a modem.
  whole: 15 * 60_000,
};

/** The times for a registry that may be silent so long: a slow commit is no dead one, and an upload that is given up begins anew. */
function timeoutsFor(silence: number): Timeouts {
  const { upload, commit, whole } = DEFAULT_TIMEOUTS;
  const atLeast = (time: number) => Math.max(silence, time);
  return { headers: silence, body: silence, upload: atLeast(upload), commit: atLeast(commit), whole: atLeast(whole) };
}

const PROXY_AUTHENTICATION_REQUIRED = 407;

// undici's 64 KiB would stop the socket after every chunk.
const HIGH_WATER_MARK = 1024 * 1024;

/** One HTTP request. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: URL;
  /** The registry that it is sent to, or that led to the URL. */
  readonly registry: RegistryHost;
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
  /** How many milliseconds the body may stand still. */
  readonly patience: number;
  /** The value of a header, named in lower case; several are joined by commas (RFC 9110 section 5.3). */
  readonly header: (name: string) => string | undefined;
  /** What a failure of the body means: the error to throw in its place. */
  readonly failure: (cause: unknown) => unknown;
  /** Lets go of the body; a short one is read, so that the connection can be used again. */
  readonly discard: () => void;
}

/** What an {@link HttpClient} accepts. */
export interface HttpOptions {
  /**
   * How long a server may be silent, in milliseconds, before an answer and in it;
   * the other times are lengthened by it, and never cut.
   */
  readonly silence?: number | undefined;
  readonly timeouts?: Partial<Timeouts> | undefined;
  readonly tls?: TlsOptions | undefined;
  readonly surroundings?: Surroundings | undefined;
  /** Told of credentials that anybody can read. */
  readonly onEvent?: EventListener | undefined;
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
  readonly #connections: Connections;
  readonly timeouts: Timeouts;
  readonly #onEvent: EventListener;
  readonly #warnedOf = new Set<string>();

  constructor({ silence, timeouts, tls = {}, surroundings, onEvent = () => undefined }: HttpOptions = {}) {
    this.timeouts = { ...(silence === undefined ? DEFAULT_TIMEOUTS : timeoutsFor(silence)), ...timeouts };
    this.#connections = new Connections(this.buffers, new Places(surroundings), tls);
    this.#onEvent = onEvent;
  }

  /**
   * @throws SealiftError `UNREACHABLE`; `FILE_NOT_FOUND`, `CONFIG_INVALID` for what TLS
   * and proxies take; or the signal's reason.
   */
  async exchange(request: HttpRequest): Promise<Answer> {
    const { method, url, wanted, body, signal } = request;
    const route = this.#connections.route(url, request.registry);
    if (request.headers?.["authorization"] !== undefined) this.#warnOfOpenCredentials(url);
    const failure = (cause: unknown): unknown =>
      signal?.aborted ? signal.reason : isSealiftError(cause) ? cause : connectionError(cause, wanted, url.host);
    const { timeouts } = this;
    const deadline = new Deadline(timeouts.whole);
    // An upload may take any time, and so may a blob; all else that is answered may not.
    if (!(body instanceof Readable)) deadline.set();
    // What is answered between (102, 103) ends no silence, and may come without an end.
    else body.once("end", () => deadline.set());
    const ending = signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]);
    try {
      const answering = route.dispatcher.request({
        origin: route.origin,
        path: route.path,
        method,
        // A blob's digest is that of its bytes as they are stored, not as a server may compress them.
        headers: { "user-agent": "sealift", "accept-encoding": "identity", ...request.headers, ...route.headers },
        body: body ?? null,
        signal: ending,
        headersTimeout: method === "PUT" || method === "PATCH" ? timeouts.commit : timeouts.headers,
        bodyTimeout: timeouts.body,
        highWaterMark: HIGH_WATER_MARK,
        // By default, undici gives up the connection after a HEAD; an import sends hundreds.
        reset: false,
      });
      // undici does not look at the signal before there is a connection.
      const response = await unlessAborted(answering, ending);
      if (route.proxy !== undefined && response.statusCode === PROXY_AUTHENTICATION_REQUIRED) {
        void response.body.dump().catch(() => undefined);
        throw new ProxyFailure(route.proxy, { status: response.statusCode });
      }
      if (request.isBlob === true && response.statusCode < 300) deadline.lift();
      else {
        deadline.set();
        response.body.once("close", () => deadline.lift());
      }
      return answerOf(response, url, failure, timeouts.body);
    } catch (cause) {
      deadline.lift();
      throw failure(cause);
    }
  }

  /** Cuts all connections, and so ends all requests that are under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections.destroy();
  }

  #warnOfOpenCredentials({ protocol, host }: URL): void {
    if (protocol !== "http:" || isLoopback(host) || this.#warnedOf.has(host)) return;
    this.#warnedOf.add(host);
    this.#onEvent({
      type: "warning",
      text: `credentials go to ${host} without TLS: anybody on the way can read them`,
    });
  }
}

/** A time by which something must be over. */
class Deadline {
  readonly #controller = new AbortController();
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout | undefined;
  #isLifted = false;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Lets the time begin, if it has not yet, and there still is a deadline. */
  set(): void {
    if (this.#isLifted) return;
    this.#timer ??= setTimeout(() => {
      this.#controller.abort(new Error(`the answer took more than ${this.#milliseconds / 1000} s`));
    }, this.#milliseconds);
  }

  lift(): void {
    this.#isLifted = true;
    clearTimeout(this.#timer);
  }
}

function answerOf(
  response: Dispatcher.ResponseData,
  url: URL,
  failure: (cause: unknown) => unknown,
  patience: number,
): Answer {
  const { statusCode, headers, body } = response;
  // Whoever reads the body listens; who discards it does not care.
  body.on("error", () => undefined);
  return {
    status: statusCode,
    url,
    body,
    patience,
    header: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    failure,
    discard: () => void body.dump().catch(() => undefined),
  };
}
