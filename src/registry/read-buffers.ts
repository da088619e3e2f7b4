import type { Socket } from "node:net";

// What one read of a socket takes at most. Node's own 64 KiB cost an export of
// 600 MB from a near registry a quarter more time than half a MiB does.
const READ_SIZE = 512 * 1024;

// Enough for the reads that are under way at a time; more would be kept for nothing.
const MAX_FREE = 32;

/**
 * Memory that sockets read into. What was filled is passed on as it is, without
 * a copy, and comes back when whoever used it is done with it, if they say so.
 */
export class ReadBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];

  /**
   * Options for a connection that reads much at a time
   * (https://nodejs.org/docs/latest-v20.x/api/net.html#socketconnectoptions-connectlistener,
   * `onread`). It is a stream as others are: what was read is pushed into it, and
   * reading stops while it is full.
   */
  get connectOptions() {
    const take = () => this.#take();
    const filled = (length: number, buffer: Uint8Array<ArrayBuffer>) => this.#filled(length, buffer);
    return {
      highWaterMark: READ_SIZE,
      onread: {
        // Called for a new connection, and after each read.
        buffer: take,
        callback(this: Socket, length: number, buffer: Uint8Array): boolean {
          return this.push(filled(length, buffer as Uint8Array<ArrayBuffer>));
        },
      },
    };
  }

  /** Takes memory back. Whoever had it must not use it any more. */
  giveBack(chunk: Uint8Array<ArrayBuffer>): void {
    if (chunk.buffer.byteLength === READ_SIZE && this.#free.length < MAX_FREE) {
      this.#free.push(new Uint8Array(chunk.buffer));
    }
  }

  #take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(Buffer.allocUnsafeSlow(READ_SIZE).buffer);
  }

  // A short read is copied out, so that it does not keep half a MiB in use.
  #filled(length: number, buffer: Uint8Array<ArrayBuffer>): Buffer {
    if (length > READ_SIZE / 2) return Buffer.from(buffer.buffer, 0, length);
    const copy = Buffer.from(buffer.subarray(0, length));
    this.giveBack(buffer);
    return copy;
  }
}
