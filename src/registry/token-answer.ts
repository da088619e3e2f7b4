import * as z from "zod";
import { SealiftError } from "../errors/index.js";
import { parseJson } from "../oci/index.js";
import { readBody } from "./body.js";
import type { Answer } from "./http.js";

/** A token, and how long it is good. */
export interface Token {
  readonly text: string;
  /** In milliseconds, as Date.now() gives them. */
  readonly expires: number;
}

// The answer may hold several tokens, each of them short enough for a header,
// of which servers take 8 to 16 KiB.
const MAX_ANSWER = 256 * 1024;

// What https://distribution.github.io/distribution/spec/auth/token/ says of
// expires_in: the default, and the least a client must be able to rely on.
const MIN_LIFE_S = 60;

// A token that is about to expire might do so before its request arrives.
const SPARE_LIFE_S = 10;

// The text goes into a header: it must not bring others along.
const tokenText = z.string().regex(/^[\x21-\x7e]*$/, "expected printable ASCII without spaces");

const answerSchema = z.object({
  token: tokenText.nullish(),
  access_token: tokenText.nullish(),
  // Anything but a number says nothing, and is no reason to fail.
  expires_in: z.number().nullish().catch(undefined),
});

/**
 * Reads the answer of a token endpoint.
 *
 * @param wanted - Completes `expected …` in messages.
 * @throws SealiftError `REGISTRY_PROTOCOL`, with nothing of the answer; `UNREACHABLE`.
 */
export async function readTokenAnswer(answer: Answer, wanted: string): Promise<Token> {
  const { bytes, isWhole } = await readBody(answer, MAX_ANSWER);
  const stated = isWhole ? parse(bytes) : undefined;
  const text = stated?.token || stated?.access_token;
  if (!text) {
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${wanted}, got an answer without token and access_token from ${answer.url.host}`,
      { hint: "check that the token service works, and that no proxy's page stands in its place" },
    );
  }
  const life = Math.max(stated.expires_in ?? 0, MIN_LIFE_S) - SPARE_LIFE_S;
  return { text, expires: Date.now() + life * 1000 };
}

// Why it cannot be read is not said: the words would show the token.
function parse(bytes: Uint8Array): z.infer<typeof answerSchema> | undefined {
  try {
    return parseJson(bytes, answerSchema, "the token answer", "REGISTRY_PROTOCOL");
  } catch {
    return undefined;
  }
}
