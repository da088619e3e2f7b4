import { setMaxListeners } from "node:events";
import type { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { type RetryOptions, retry } from "../io/index.js";
import type { EventListener } from "../ports/index.js";
import type { Access } from "./access.js";
import { answerError, type Purpose } from "./answer-error.js";
import type { Authorizer } from "./authorizer.js";
import { secretsIn } from "./credentials/index.js";
import type { Answer, HttpClient, HttpRequest } from "./http.js";
import { resolveLocation } from "./location.js";
import { PullQuotas, type QuotaPolicy } from "./quota.js";
import { minRetryDelay } from "./transient.js";
import { unlessAborted } from "./unless-aborted.js";
import { sendBody } from "./upload-body.js";
import { Waits } from "./waits.js";

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

/** What a {@link Transport} accepts. */
export interface TransportOptions {
  readonly retry?: RetryPolicy | undefined;
  readonly quota?: QuotaPolicy | undefined;
  /** Told of waits, and of pulls that run out. */
  readonly onEvent?: EventListener | undefined;
}

/** What a try is for, and how it went. */
export interface Attempts extends Pick<RetryOptions, "hasProgressed"> {
  /** As it stands in references. */
  readonly registry: string;
  readonly signal: AbortSignal | undefined;
}

// As Go's net/http, and so docker and containerd.
const MAX_REDIRECTS = 10;

/** Sends requests to registries, with the credentials they ask for. */
export class Transport {
  readonly #http: HttpClient;
  readonly #authorizer: Authorizer;
  readonly #retryPolicy: RetryPolicy;
  readonly #waits: Waits;
  /** What registries say of pulls. */
  readonly quotas: PullQuotas;

  constructor(http: HttpClient, authorizer: Authorizer, options: TransportOptions = {}) {
    const { retry: retryPolicy = {}, quota, onEvent = () => undefined } = options;
    this.#http = http;
    this.#authorizer = authorizer;
    this.#retryPolicy = retryPolicy;
    this.#waits = new Waits(onEvent);
    this.quotas = new PullQuotas(quota, onEvent, retryPolicy.sleep);
  }

  /**
   * Sends a request, again if that may help.
   *
   * @throws SealiftError `NOT_FOUND`, `UNAUTHORIZED`, `DENIED`, `UNREACHABLE`,
   * `REGISTRY_PROTOCOL`; or the signal's reason.
   */
  async request(call: Call): Promise<Answer> {
    return await this.retry(() => this.requestOnce(call), { registry: call.host.registry, signal: call.signal });
  }

  /** Calls `attempt` again if its error says that that may help. */
  async retry<T>(attempt: () => Promise<T>, { registry, signal, hasProgressed }: Attempts): Promise<T> {
    return await retry(attempt, {
      ...this.#retryPolicy,
      minDelay: minRetryDelay,
      onWait: (error, milliseconds) => this.#waits.tell(registry, error, milliseconds),
      ...(hasProgressed && { hasProgressed }),
      ...(signal && { signal }),
    });
  }

  /** Sends a request; errors as {@link request}, and `SourceFailure` if the body cannot be had. */
  async requestOnce(call: Call): Promise<Answer> {
    if (!isPull(call)) return await this.#send(call);
    const { wanted, signal, host } = call;
    // Docker Hub counts a GET as a pull, and a HEAD not.
    const look = async () => (await this.#send({ ...call, method: "HEAD" })).discard();
    return await this.quotas.pull({ registry: host.registry, wanted, look, signal }, () => this.#send(call));
  }

  async #send(call: Call): Promise<Answer> {
    // Each request listens to the signal that all of them share; Node warns of more than ten.
    if (call.signal !== undefined) setMaxListeners(0, call.signal);
    let authorization = await unlessAborted(this.#authorizer.authorization(call), call.signal);
    let answer = await this.#follow(call, authorization);
    // At most twice: with new credentials, and then with the scope they lacked.
    for (const wasFresh of [false, true]) {
      if (answer.status !== 401 || answer.url.origin !== call.host.origin) break;
      const renewed = await this.#renew(call, answer, authorization, wasFresh);
      if (renewed === undefined) break;
      authorization = renewed;
      answer = await this.#follow(call, authorization);
    }
    if (answer.url.origin === call.host.origin) this.quotas.note(call.host.registry, answer);
    if (call.statuses.includes(answer.status)) return answer;
    throw await answerError(answer, await this.#purposeOf(call, answer, authorization));
  }

  /** What to send after a 401; its body is done with, unless there is nothing to send. */
  async #renew(
    call: Call,
    refusal: Answer,
    refused: string | undefined,
    wasFresh: boolean,
  ): Promise<string | undefined> {
    try {
      const header = refusal.header("www-authenticate") ?? "";
      const renewed = this.#authorizer.renewedAuthorization(call, { header, refused, wasFresh });
      const authorization = await unlessAborted(renewed, call.signal);
      if (authorization !== undefined) refusal.discard();
      return authorization;
    } catch (error) {
      refusal.discard();
      throw error;
    }
  }

  async #purposeOf(call: Call, { url, status }: Answer, sent: string | undefined): Promise<Purpose> {
    const { wanted, host, scopes } = call;
    const isPush = scopes.some((scope) => scope.endsWith("push"));
    const isRefusal = (status === 401 || status === 403) && url.origin === host.origin;
    const about = isRefusal ? this.#authorizer.aboutCredentials(call) : undefined;
    const secrets = sent === undefined ? [] : secretsIn(sent);
    const aboutCredentials = await about?.catch(() => undefined);
    return { wanted, registry: host.registry, isPush, secrets, aboutCredentials };
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
    const { method, host: registry, wanted, signal, body, isBlob } = call;
    const headers = { ...call.headers, ...(authorization && { authorization }) };
    const request = { method, url, registry, wanted, signal, headers, isBlob };
    if (typeof body !== "function") return await this.#http.exchange({ ...request, body });
    const { answer, wasWholeSent } = await sendBody(body, this.#http.timeouts.upload, (stream) =>
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

/** Whether a registry that counts pulls counts this. */
function isPull({ method, url }: Call): boolean {
  return method === "GET" && url.pathname.includes("/manifests/");
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
