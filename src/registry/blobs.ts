import { SealiftError } from "../errors/index.js";
import { type BlobHash, blobDigestError, blobSizeError } from "../io/index.js";
import { type Descriptor, digestAlgorithm } from "../oci/index.js";
import type { FetchOp, HeldBytes, TakeChunk } from "../ports/index.js";
import { pourBody } from "./body.js";
import type { Answer } from "./http.js";
import type { Remote } from "./remote.js";

/** `ImageSource.fetchBlob` of a repository. */
export async function fetchBlob(remote: Remote, descriptor: Descriptor, take: TakeChunk, op?: FetchOp): Promise<void> {
  const download = new BlobDownload(remote, descriptor, take, op);
  try {
    await remote.retry(
      () => download.proceed(),
      op,
      () => download.hasProgressed,
    );
  } finally {
    download.abandon();
  }
}

// What a try must bring to count as progress: what the slowest line that is
// borne brings in a minute. A server that sends a byte and breaks off is given up.
const MIN_PROGRESS = 64 * 1024;

// Large enough that the hops between threads do not count.
const HELD_STEP = 512 * 1024;

/**
 * A blob on its way, over as many answers as that takes.
 *
 * A download that broke goes on where it ended, and with the hash of what has
 * come. If the server sends all of it again, what has come is passed over. Every
 * try begins at the registry: where that redirected to, with a signature that
 * expires, is never kept.
 *
 * Once a server did not go on where it should have, or what came in pieces
 * did not have the digest, no part is asked for any more, and no try counts as
 * progress: so there is an end to it, whatever the server does.
 */
class BlobDownload {
  readonly #remote: Remote;
  readonly #descriptor: Descriptor;
  readonly #take: TakeChunk;
  readonly #op: FetchOp;
  #hash: BlobHash;
  #held: HeldBytes | undefined;
  #position = 0;
  /** Where the last try began. */
  #start = 0;
  #isResumable = true;
  /** Whether what has come is from more than one answer, or was held. */
  #isPieced = false;

  constructor(remote: Remote, descriptor: Descriptor, take: TakeChunk, op: FetchOp = {}) {
    this.#remote = remote;
    this.#descriptor = descriptor;
    this.#take = take;
    this.#op = op;
    this.#held = op.held;
    this.#hash = this.#newHash();
  }

  /** Whether the last try brought bytes that the next one need not fetch again. */
  get hasProgressed(): boolean {
    return this.#isResumable && this.#position - this.#start >= MIN_PROGRESS;
  }

  /** Fetches what is missing; fails unless all of it is what the descriptor says. */
  async proceed(): Promise<void> {
    await this.#takeUp();
    await this.#receive();
    let wrong = await this.#verify();
    if (wrong !== undefined && this.#isPieced && this.#op.once !== true) {
      // Something on the way may have mixed two versions of a file: that shows only in the whole.
      this.#beginAgain();
      await this.#receive();
      wrong = await this.#verify();
    }
    if (wrong !== undefined) throw wrong;
  }

  abandon(): void {
    this.#hash.abandon();
  }

  /** Hashes what is held, once. */
  async #takeUp(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined || held.length > this.#descriptor.size) return;
    try {
      while (this.#position < held.length) {
        this.#op.signal?.throwIfAborted();
        const length = Math.min(HELD_STEP, held.length - this.#position);
        await this.#hash.update(await held.read(this.#position, length));
        this.#position += length;
      }
      this.#isPieced = true;
    } catch (error) {
      this.#op.signal?.throwIfAborted();
      if (this.#op.once === true) throw error;
      this.#beginAgain();
      this.#isResumable = true;
    }
  }

  async #receive(): Promise<void> {
    const { size } = this.#descriptor;
    // The last try may have broken after the last byte.
    if (this.#position === size && size > 0) return;
    this.#start = this.#position;
    const answer = await this.#open();
    let repeated = answer.status === 206 ? 0 : this.#start;
    await pourBody(answer, async (whole) => {
      const chunk = whole.subarray(repeated);
      repeated -= whole.length - chunk.length;
      if (chunk.length === 0) return;
      const end = this.#position + chunk.length;
      if (end > size) throw blobSizeError(this.#descriptor, this.#remote.name, `at least ${end}`);
      await this.#take(chunk, this.#position);
      await this.#hash.update(chunk);
      this.#position = end;
    });
  }

  async #verify(): Promise<SealiftError | undefined> {
    const { digest, size } = this.#descriptor;
    if (this.#position !== size) return blobSizeError(this.#descriptor, this.#remote.name, String(this.#position));
    const came = await this.#hash.digest();
    return came === digest ? undefined : blobDigestError(this.#descriptor, this.#remote.name, came);
  }

  #beginAgain(): void {
    this.#hash.abandon();
    this.#hash = this.#newHash();
    this.#position = this.#start = 0;
    this.#isResumable = this.#isPieced = false;
  }

  #newHash(): BlobHash {
    return this.#remote.hashThread.begin(digestAlgorithm(this.#descriptor.digest), this.#descriptor.size);
  }

  /** An answer with what is missing; one that is no 206 has all that came before it, too. */
  async #open(): Promise<Answer> {
    this.#isPieced = this.#position > 0;
    if (!this.#isPieced || !this.#isResumable) return this.#checked(await this.#request([200]));
    const answer = await this.#request([200, 206, 416], { range: `bytes=${this.#position}-` });
    if (this.#isRest(answer)) return answer;
    this.#isResumable = false;
    if (answer.status === 200) return this.#checked(answer);
    // It may be large, and nobody wants it.
    answer.body.destroy();
    return this.#checked(await this.#request([200]));
  }

  async #request(statuses: readonly number[], headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return await this.#remote.requestOnce({
      method: "GET",
      url: this.#remote.url(`blobs/${this.#descriptor.digest}`),
      wanted: this.#wanted,
      statuses,
      headers,
      isBlob: true,
      op: this.#op,
    });
  }

  /** Whether an answer is all that is missing, and nothing else (RFC 9110 section 14.4). */
  #isRest(answer: Answer): boolean {
    const { size } = this.#descriptor;
    const start = this.#position;
    const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(answer.header("content-range") ?? "") ?? [];
    return (
      answer.status === 206 &&
      Number(first) === start &&
      Number(last) === size - 1 &&
      (total === "*" || Number(total) === size) &&
      Number(answer.header("content-length") ?? size - start) === size - start
    );
  }

  /** Passes on an answer that may be the whole blob, and refuses one that cannot be. */
  #checked(answer: Answer): Answer {
    const { size } = this.#descriptor;
    const length = answer.header("content-length");
    if (length === undefined || Number(length) === size) return answer;
    answer.body.destroy();
    throw new SealiftError(
      "SIZE_MISMATCH",
      `expected ${size} bytes for ${this.#wanted}, got an answer of ${length} bytes from ${answer.url.host}`,
      {
        hint: "the manifest or the registry states a wrong size: check the image with whoever built it",
      },
    );
  }

  get #wanted(): string {
    return `blob ${this.#descriptor.digest} of ${this.#remote.name}`;
  }
}
