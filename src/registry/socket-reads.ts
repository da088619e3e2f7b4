import type { Socket } from "node:net";

// What one read of a socket takes at most. Node's own 64 KiB cost an export of
// 600 MB from a near registry a quarter more time than half a MiB does.
const READ_SIZE = 512 * 1024;

// Of all sockets: each read is copied out before the next one begins.
const readBuffer = Buffer.allocUnsafeSlow(READ_SIZE);

/**
 * Options for a connection that reads much at a time
 * (https://nodejs.org/docs/latest-v20.x/api/net.html#socketconnectoptions-connectlistener,
 * `onread`). It is a stream as others are: what was read is pushed into it, and
 * reading stops while it is full.
 */
export const LARGE_READS = {
  highWaterMark: READ_SIZE,
  onread: {
    buffer: readBuffer,
    callback(this: Socket, length: number, buffer: Uint8Array): boolean {
      return this.push(Buffer.from(buffer.subarray(0, length)));
    },
  },
};
