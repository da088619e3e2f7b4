import { quote, SealiftError } from "../errors/index.js";
import { type Sleep, sleepUnlessAborted } from "../io/index.js";
import type { EventListener } from "../ports/index.js";
import type { Answer } from "./http.js";
import { spanText } from "./span.js";

/**
 * How many manifests a registry lets somebody pull, as Docker Hub states it
 * (https://docs.docker.com/docker-hub/usage/pulls/).
 */
export interface PullQuota {
  /** As it stands in references. */
  readonly registry: string;
  /** How many in a window of time. */
  readonly limit: number;
  /** How many more in the one that runs. */
  readonly remaining: number;
  /** How long a window is, in seconds; when it began is not said. */
  readonly windowSeconds: number;
  /** Whom they are counted for: an address or an account; undefined if that is not said. */
  readonly source: string | undefined;
}

/** What is done when few pulls are left. */
export interface QuotaPolicy {
  /** How many pulls are left for others. */
  readonly min: number;
  /** What to do before a pull that would leave fewer: fail, or wait until there are more. */
  readonly whenLow: "stop" | "wait";
}

/** A pull that is to be let through. */
export interface Pull {
  readonly registry: string;
  /** Completes `expected …`. */
  readonly wanted: string;
  /** Asks the registry for something that it does not count; its answer is noted. */
  readonly look: () => Promise<unknown>;
  readonly signal?: AbortSignal | undefined;
}

// `100;w=21600`: a number, and the seconds in which it is counted. What states
// no window counts something else, as GitLab counts requests.
const COUNT = /^(\d{1,9});w=(\d{1,9})$/;

/** What an answer says of pulls; undefined if it says nothing, as where there is no limit. */
export function pullQuotaOf(registry: string, { header }: Answer): PullQuota | undefined {
  const [, limit, window] = COUNT.exec(header("ratelimit-limit") ?? "") ?? [];
  const [, remaining] = COUNT.exec(header("ratelimit-remaining") ?? "") ?? [];
  if (limit === undefined || remaining === undefined) return undefined;
  const source = header("docker-ratelimit-source");
  return {
    registry,
    limit: Number(limit),
    remaining: Number(remaining),
    windowSeconds: Number(window),
    source: source === undefined ? undefined : quote(source, 100).slice(1, -1),
  };
}

// "You have reached your pull rate limit. You may increase the limit by authenticating and upgrading:
// https://www.docker.com/increase-rate-limit", and before, "Too Many Requests. Please see
// https://docs.docker.com/docker-hub/download-rate-limit/". The limit against abuse has no more to say
// than "Too Many Requests" (docs.docker.com/docker-hub/usage/#abuse-rate-limit).
const PULL_LIMIT = /reached your pull rate limit|(?:increase|download)-rate-limit/i;

/** Whether a registry refuses, with these words, since all pulls are used up; else a 429 asks for patience. */
export function isPullLimit(answer: Answer, words: string): boolean {
  if (answer.status !== 429) return false;
  // A HEAD has no words.
  return PULL_LIMIT.test(words) || pullQuotaOf("", answer)?.remaining === 0;
}

/** What to do when all pulls are used up. */
export function pullLimitAdvice(registry: string, quota: PullQuota | undefined): string {
  const when = quota === undefined ? "some hours" : `at most ${spanText(quota.windowSeconds * 1000)}`;
  return `more pulls are allowed after ${when}; log in for a higher limit (sealift login ${registry}), or pull through a mirror`;
}

// A tenth is what a nightly run of some images needs.
const LOW_SHARE = 0.1;

// A window lasts hours, and may end at any time.
const LOOK_INTERVAL_MS = 10 * 60_000;

// What a registry says of its window is no reason to wait for ever; Docker Hub's lasted a day at most.
const MAX_WAIT_MS = 24 * 60 * 60_000;

/** Keeps what registries say of pulls, and holds back those that would leave too few. */
export class PullQuotas {
  readonly #policy: QuotaPolicy | undefined;
  readonly #onEvent: EventListener;
  readonly #sleep: Sleep;
  readonly #quotas = new Map<string, PullQuota>();
  /** How many pulls are under way at a registry: no answer has counted them yet. */
  readonly #pulling = new Map<string, number>();
  readonly #warned = new Set<string>();
  /** Where pulls wait: of several, one says so. */
  readonly #waiting = new Set<string>();

  constructor(policy: QuotaPolicy | undefined, onEvent: EventListener, sleep: Sleep = sleepUnlessAborted) {
    this.#policy = policy;
    this.#onEvent = onEvent;
    this.#sleep = sleep;
  }

  /** What each registry said last; nothing of those that state no limit. */
  get all(): readonly PullQuota[] {
    return [...this.#quotas.values()];
  }

  /** Takes what an answer of a registry says of pulls. */
  note(registry: string, answer: Answer): void {
    const quota = pullQuotaOf(registry, answer);
    if (quota === undefined) return;
    this.#quotas.set(registry, quota);
    if (quota.remaining > quota.limit * LOW_SHARE || this.#warned.has(registry)) return;
    this.#warned.add(registry);
    this.#onEvent({ type: "warning", text: `${quotaText(quota)}; ${pullLimitAdvice(registry, quota)}` });
  }

  /**
   * Sends a pull once that leaves as many as the policy wants.
   *
   * @throws SealiftError `PULL_LIMIT` if there are too few; or the signal's reason.
   */
  async pull<T>(pull: Pull, send: () => Promise<T>): Promise<T> {
    const { registry } = pull;
    await this.#admit(pull);
    try {
      return await send();
    } finally {
      this.#pulling.set(registry, this.#pullingAt(registry) - 1);
    }
  }

  /** Lets a pull through, and counts it as one that is under way. */
  async #admit({ registry, wanted, look, signal }: Pull): Promise<void> {
    for (let waited = 0; ; waited += LOOK_INTERVAL_MS) {
      const quota = this.#quotas.get(registry);
      const policy = this.#policy;
      if (!policy || !quota || quota.remaining - this.#pullingAt(registry) > policy.min) {
        this.#pulling.set(registry, this.#pullingAt(registry) + 1);
        this.#waiting.delete(registry);
        return;
      }
      const longest = Math.min(quota.windowSeconds * 1000, MAX_WAIT_MS);
      if (policy.whenLow === "stop" || waited >= longest) throw tooFew(wanted, quota, policy);
      if (waited === 0) this.#tellWait(quota, policy, longest);
      await this.#sleep(LOOK_INTERVAL_MS, signal);
      await look().catch(() => signal?.throwIfAborted());
    }
  }

  #pullingAt(registry: string): number {
    return this.#pulling.get(registry) ?? 0;
  }

  #tellWait(quota: PullQuota, { min }: QuotaPolicy, longest: number): void {
    if (this.#waiting.has(quota.registry)) return;
    this.#waiting.add(quota.registry);
    const text = `${quotaText(quota)}, and ${min} are to stay: waiting for more, ${spanText(longest)} at most`;
    this.#onEvent({ type: "warning", text });
  }
}

/** `docker.io: 76 of 100 pulls in 6 h are left for 203.0.113.7`. */
function quotaText({ registry, limit, remaining, windowSeconds, source }: PullQuota): string {
  const whom = source === undefined ? "" : ` for ${source}`;
  return `${registry}: ${remaining} of ${limit} pulls in ${spanText(windowSeconds * 1000)} are left${whom}`;
}

function tooFew(wanted: string, quota: PullQuota, { min, whenLow }: QuotaPolicy): SealiftError {
  const orWait = whenLow === "wait" ? "" : `; --min-quota ${min}:wait waits for more`;
  return new SealiftError("PULL_LIMIT", `expected ${wanted} and ${min} pulls left after it, got ${quotaText(quota)}`, {
    hint: `${pullLimitAdvice(quota.registry, quota)}${orWait}`,
  });
}
