import type { HashAnswer, HashTask } from "./hash-thread-worker.js";

// How much may wait for the thread, in bytes, before whoever brings more has to
// wait, too: enough that the thread never does.
const MAX_WAITING = 8 * 1024 * 1024;

/** Sends a task for one blob to the thread, and gives it the memory it transfers. */
type PostTask = (task: Omit<HashTask, "id" | "algorithm">, transfer: readonly ArrayBuffer[]) => void;

interface Waiter {
  readonly resolve: (hex: string) => void;
  readonly reject: (error: Error) => void;
}

/** What the transferring thread knows of a blob that the other one hashes. */
export class ThreadBlobHash {
  readonly #post: PostTask;
  #waitingBytes = 0;
  #room: Waiter | undefined;
  #result: Waiter | undefined;
  #failure: Error | undefined;

  constructor(post: PostTask) {
    this.#post = post;
  }

  /** Feeds bytes; resolves when there is room for more. */
  async update(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const own = ownedBytes(chunk);
    this.#waitingBytes += own.length;
    this.#post({ chunk: own }, [own.buffer]);
    if (this.#waitingBytes <= MAX_WAITING) return;
    await new Promise<string>((resolve, reject) => {
      this.#room = { resolve, reject };
    });
  }

  /** The hexadecimal hash of all that was fed. */
  async digest(): Promise<string> {
    if (this.#failure !== undefined) throw this.#failure;
    return await new Promise((resolve, reject) => {
      this.#result = { resolve, reject };
      this.#post({}, []);
    });
  }

  abandon(): void {
    this.#post({ abandoned: true }, []);
  }

  /** Takes what the thread has to say of this blob. */
  answer(answer: HashAnswer): void {
    if ("hex" in answer) this.#result?.resolve(answer.hex);
    else {
      this.#waitingBytes -= answer.chunk.length;
      if (this.#waitingBytes <= MAX_WAITING) this.#room?.resolve("");
    }
  }

  /** Fails whoever waits, or comes yet. */
  fail(error: Error): void {
    this.#failure = error;
    this.#room?.reject(error);
    this.#result?.reject(error);
  }
}

/**
 * The chunk itself if its memory holds nothing else, or a copy. What is given to
 * another thread is gone from this one, and with it all that lies beside it.
 */
function ownedBytes(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === chunk.byteLength) return new Uint8Array(buffer);
  return Uint8Array.from(chunk);
}
