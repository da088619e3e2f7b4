import type { SealiftError } from "../errors/index.js";
import type { Session } from "./session.js";

/**
 * All that is piped in.
 *
 * @param tooMuch - The error for more than `maxSize` bytes.
 * @throws what `tooMuch` makes; or the session's signal's reason.
 */
export async function readStdin(session: Session, maxSize: number, tooMuch: () => SealiftError): Promise<Buffer> {
  const { stdin } = session.host;
  const { signal } = session;
  signal.throwIfAborted();
  const abort = () => void stdin.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stdin as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxSize) throw tooMuch();
    }
  } finally {
    signal.removeEventListener("abort", abort);
  }
  return Buffer.concat(chunks);
}
