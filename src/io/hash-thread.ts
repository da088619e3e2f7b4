import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { type Digest, type DigestAlgorithm, finishDigest, parseDigest } from "../oci/index.js";
import type { HashAnswer } from "./hash-thread-worker.js";
import { threadError } from "./medium-error.js";
import { ThreadBlobHash } from "./thread-blob-hash.js";

// For less, a thread is not worth its start of some ten milliseconds.
const MIN_THREAD_SIZE = 4 * 1024 * 1024;

/** The hash of one blob, which is fed in order. */
export interface BlobHash {
  /**
   * Feeds the next bytes. Whoever calls has done with them: they may be given
   * away to another thread, and their memory be used for others.
   */
  update(chunk: Uint8Array): Promise<void>;
  /** The digest of all that was fed. */
  digest(): Promise<Digest>;
  /** Ends it without a digest; does nothing after {@link digest}. */
  abandon(): void;
}

/**
 * Hashes blobs beside the thread that transfers them, which would otherwise
 * limit a fast transfer. Where there is one processor only, and for small
 * blobs, no thread is started.
 */
export class HashThread implements AsyncDisposable {
  readonly #giveBack: (chunk: Uint8Array<ArrayBuffer>) => void;
  readonly #processors: number;
  readonly #blobs = new Map<number, ThreadBlobHash>();
  #worker: Worker | undefined;
  #lastId = 0;
  #failure: Error | undefined;

  /**
   * @param giveBack - Gets chunks that were hashed, for their memory.
   * @param processors - How many this process may use.
   */
  constructor(giveBack: (chunk: Uint8Array<ArrayBuffer>) => void, processors: number = availableParallelism()) {
    this.#giveBack = giveBack;
    this.#processors = processors;
  }

  /**
   * @param size - How many bytes are to come.
   * @throws SealiftError `MEDIUM_FAILED` if no thread can be started; later,
   * the hash may fail with it.
   */
  begin(algorithm: DigestAlgorithm, size: number): BlobHash {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#processors === 1 || size < MIN_THREAD_SIZE) return inlineBlobHash(algorithm);
    const worker = (this.#worker ??= this.#start());
    const id = (this.#lastId += 1);
    const thread = new ThreadBlobHash((task, transfer) => worker.postMessage({ id, algorithm, ...task }, transfer));
    this.#blobs.set(id, thread);
    const forget = () => this.#blobs.delete(id);
    return {
      update: (chunk) => thread.update(chunk),
      digest: async () => {
        const hex = await thread.digest();
        forget();
        return parseDigest(`${algorithm}:${hex}`);
      },
      abandon: () => {
        if (forget()) thread.abandon();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new Error("the hash thread is closed"));
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = this.#newWorker();
    worker.on("message", (answer: HashAnswer) => {
      this.#blobs.get(answer.id)?.answer(answer);
      if ("chunk" in answer) this.#giveBack(answer.chunk);
    });
    worker.on("error", (error) => {
      this.#fail(threadError(error, "hash-thread-worker.js"));
    });
    return worker;
  }

  #newWorker(): Worker {
    try {
      return new Worker(new URL("./hash-thread-worker.js", import.meta.url));
    } catch (error) {
      throw threadError(error, "hash-thread-worker.js");
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const blob of this.#blobs.values()) blob.fail(this.#failure);
  }
}

function inlineBlobHash(algorithm: DigestAlgorithm): BlobHash {
  const hash = createHash(algorithm);
  return {
    update: async (chunk) => void hash.update(chunk),
    digest: async () => finishDigest(hash, algorithm),
    abandon: () => undefined,
  };
}
