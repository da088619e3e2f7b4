import type { Answer } from "./http.js";

/**
 * Reads the body of an answer.
 *
 * @returns At most `limit` bytes, and whether they are all; if not, the rest is not read.
 * @throws SealiftError `UNREACHABLE` if the body breaks off; or the signal's reason.
 */
export async function readBody(answer: Answer, limit: number): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > limit) break;
    }
  } catch (cause) {
    throw answer.failure(cause);
  }
  return { bytes: Buffer.concat(chunks).subarray(0, limit), isWhole: size <= limit };
}
