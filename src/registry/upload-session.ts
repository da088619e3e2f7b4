import type { Readable } from "node:stream";
import { quote, SealiftError } from "../errors/index.js";
import type { Descriptor } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import type { Answer } from "./http.js";
import { resolveLocation, withDigest } from "./location.js";
import type { Remote } from "./remote.js";

// A session nobody cancels is dropped by the registry after some hours or
// days: to be polite is worth no longer wait.
const CANCEL_TIMEOUT_MS = 5_000;

/** Bytes to send, and how many they are. */
interface Content {
  readonly size: number;
  readonly open: () => Promise<Readable>;
}

/** An upload that a registry has begun (distribution-spec, "POST then PUT" and "Pushing a blob in chunks"). */
export class UploadSession {
  readonly #remote: Remote;
  readonly #descriptor: Descriptor;
  readonly #op: Op | undefined;
  // Each answer may name another place for the next request.
  #location: URL;

  constructor(remote: Remote, descriptor: Descriptor, location: URL, op?: Op) {
    this.#remote = remote;
    this.#descriptor = descriptor;
    this.#location = location;
    this.#op = op;
  }

  static async begin(remote: Remote, descriptor: Descriptor, op?: Op): Promise<UploadSession> {
    const url = remote.url("blobs/uploads/");
    const wanted = `${remote.name} to take blob ${descriptor.digest}`;
    const answer = await remote.requestOnce({
      method: "POST",
      url,
      wanted,
      statuses: [202],
      scopes: [remote.pushScope],
      op,
    });
    answer.discard();
    return new UploadSession(remote, descriptor, resolveLocation(answer.header("location"), answer.url, wanted), op);
  }

  /** Sends bytes without ending the upload. */
  async append(content: Content): Promise<void> {
    const answer = await this.#send("PATCH", this.#location, [202, 204], content);
    this.#location = resolveLocation(answer.header("location"), answer.url, this.#wanted);
  }

  /** Ends the upload, after the last bytes, if some are left to send. */
  async finish(content?: Content): Promise<void> {
    const { digest } = this.#descriptor;
    const answer = await this.#send("PUT", withDigest(this.#location, digest), [201, 204], content);
    const stored = answer.header("docker-content-digest") ?? digest;
    if (stored === digest) return;
    throw new SealiftError(
      "DIGEST_MISMATCH",
      `expected ${this.#wanted}, got from ${answer.url.host} that it stored ${quote(stored)}`,
    );
  }

  /** Tells the registry to forget the upload. Never fails: the registry forgets it by itself, later. */
  async cancel(): Promise<void> {
    const signal = AbortSignal.timeout(CANCEL_TIMEOUT_MS);
    const call = {
      method: "DELETE",
      url: this.#location,
      wanted: this.#wanted,
      statuses: [204],
      scopes: [this.#remote.pushScope],
      op: { signal },
    } as const;
    await this.#remote.requestOnce(call).then(
      (answer) => answer.discard(),
      () => undefined,
    );
  }

  get #wanted(): string {
    return `${this.#remote.name} to take blob ${this.#descriptor.digest}`;
  }

  async #send(method: "PATCH" | "PUT", url: URL, statuses: readonly number[], content?: Content): Promise<Answer> {
    const answer = await this.#remote.requestOnce({
      method,
      url,
      wanted: this.#wanted,
      statuses,
      scopes: [this.#remote.pushScope],
      ...(content && {
        headers: { "content-length": String(content.size), "content-type": "application/octet-stream" },
        body: content.open,
      }),
      op: this.#op,
    });
    answer.discard();
    return answer;
  }
}
