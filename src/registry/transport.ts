import { setMaxListeners } from "node:events";
import type { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { type RetryOptions, retry } from "../io/index.js";
import { answerError } from "./answer-error.js";
import type { Access, Authorizer } from "./authorizer.js";
import type { Answer, HttpClient, HttpRequest } from "./http.js";
import { resolveLocation } from "./location.js";
import { minRetryDelay } from "./transient.js";
import { sendBody } from "./upload-body.js";

/** A request to a registry. */
export interface Call extends Access {
  readonly method: HttpRequest["method"];
  /** At the registry, or where one of its answers led. */
  readonly url: URL;
  /** Completes `expected …` in messages. */
  readonly wanted: string;
  /** The statuses that are answers; all others are errors. */
  readonly statuses: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  /** The body, or what opens it; it is opened for each request that is sent. */
  readonly body?: Uint8Array | (() => Promise<Readable>);
  readonly signal?: AbortSignal | undefined;
  /** Whether the answer is a blob. */
  readonly isBlob?: boolean;
}

/** How often and how patiently to try. */
export type RetryPolicy = Pick<RetryOptions, "tries" | "sleep">;

// As Go's net/http, and so docker and containerd.
const MAX_REDIRECTS = 10;

/** Sends requests to registries, with the credentials they ask for. */
export class Transport {
  readonly #http: HttpClient;
  readonly #authorizer: Authorizer;
  readonly #retryPolicy: RetryPolicy;

  constructor(http: HttpClient, authorizer: Authorizer, retryPolicy: RetryPolicy) {
    this.#http = http;
    this.#authorizer = authorizer;
    this.#retryPolicy = retryPolicy;
  }

  /**
   * Sends a request, again if that may help.
   *
   * @throws SealiftError `NOT_FOUND`, `UNAUTHORIZED`, `DENIED`, `UNREACHABLE`,
   * `REGISTRY_PROTOCOL`; or the signal's reason.
   */
  async request(call: Call): Promise<Answer> {
    return await this.retry(() => this.requestOnce(call), call.signal);
  }

  /** Calls `attempt` again if its error says that that may help. */
  async retry<T>(attempt: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return await retry(attempt, { ...this.#retryPolicy, minDelay: minRetryDelay, ...(signal && { signal }) });
  }

  /** Sends a request; errors as {@link request}, and `SourceFailure` if the body cannot be had. */
  async requestOnce(call: Call): Promise<Answer> {
    // Each request listens to the signal that all of them share; Node warns of more than ten.
    if (call.signal !== undefined) setMaxListeners(0, call.signal);
    const authorization = await unlessAborted(this.#authorizer.authorization(call), call.signal);
    let answer = await this.#follow(call, authorization);
    if (answer.status === 401 && answer.url.origin === call.host.origin) {
      answer = await this.#authorizeAndFollow(call, answer, authorization);
    }
    if (call.statuses.includes(answer.status)) return answer;
    throw await answerError(answer, { wanted: call.wanted, registry: call.host.registry });
  }

  async #authorizeAndFollow(call: Call, refusal: Answer, refused: string | undefined): Promise<Answer> {
    try {
      const challenge = refusal.header("www-authenticate") ?? "";
      const renewed = this.#authorizer.renewedAuthorization(call, challenge, refused);
      const authorization = await unlessAborted(renewed, call.signal);
      if (authorization === undefined) return refusal;
      refusal.discard();
      return await this.#follow(call, authorization);
    } catch (error) {
      refusal.discard();
      throw error;
    }
  }

  /** Follows redirects of reading requests; only the registry itself ever sees `authorization`. */
  async #follow(call: Call, authorization: string | undefined): Promise<Answer> {
    let { url } = call;
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
      const isRegistry = url.origin === call.host.origin;
      const answer = await this.#exchange(call, url, isRegistry ? authorization : undefined);
      const isReading = call.method === "GET" || call.method === "HEAD";
      if (!isReading || !REDIRECTS.has(answer.status)) return answer;
      answer.discard();
      url = resolveLocation(answer.header("location"), url, call.wanted);
    }
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${call.wanted}, got more than ${MAX_REDIRECTS} redirects from ${call.url.host}, the last one to ${url.host}`,
    );
  }

  async #exchange(call: Call, url: URL, authorization: string | undefined): Promise<Answer> {
    const { method, wanted, signal, body, isBlob } = call;
    const headers = { ...call.headers, ...(authorization && { authorization }) };
    const request = { method, url, wanted, signal, headers, isBlob };
    if (typeof body !== "function") return await this.#http.exchange({ ...request, body });
    const { answer, wasWholeSent } = await sendBody(body, (stream) =>
      this.#http.exchange({ ...request, body: stream }),
    );
    if (answer.status >= 300 || wasWholeSent) return answer;
    // Its source has not been read to its end, and so not been verified.
    answer.discard();
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${wanted}, got ${answer.status} from ${url.host} before all was sent`,
    );
  }
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The promise's result, unless the signal comes first: others may wait for the promise, too. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await promise;
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
  }
}
