import { STATUS_CODES } from "node:http";
import * as z from "zod";
import { type ErrorCode, quote, SealiftError } from "../errors/index.js";
import { parseJson } from "../oci/index.js";
import { readBody } from "./body.js";
import type { Answer } from "./http.js";

/** The answer an error was made from; it is the error's cause. */
export class RefusingAnswer extends Error {
  override readonly name = "RefusingAnswer";
  readonly status: number;
  /** The codes of the distribution specification that the body states. */
  readonly codes: readonly string[];
  /** The milliseconds that Retry-After asks to wait; 0 without it. */
  readonly retryAfter: number;

  constructor(status: number, codes: readonly string[], retryAfter: number) {
    super(`HTTP ${status}`);
    this.status = status;
    this.codes = codes;
    this.retryAfter = retryAfter;
  }
}

/** The answer that `error` was made from, if it was made from one. */
export function refusingAnswer(error: unknown): RefusingAnswer | undefined {
  return error instanceof SealiftError && error.cause instanceof RefusingAnswer ? error.cause : undefined;
}

/** What a request was about, for messages. */
export interface Purpose {
  /** Completes `expected …`: `manifest 1.27 of docker.io/library/nginx`. */
  readonly wanted: string;
  /** The registry as it stands in references: whom `docker login` is told. */
  readonly registry: string;
}

/**
 * The error for an answer that is not the one that was wanted. It says what the
 * registry said; the body is read for that, and done with.
 */
export async function answerError(answer: Answer, purpose: Purpose): Promise<SealiftError> {
  const { status, url } = answer;
  const { codes, words } = await readWords(answer);
  const said = words === "" ? "" : `: ${words}`;
  const got = `got ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  const hint = hintFor(status, codes, purpose);
  return new SealiftError(codeFor(status), `expected ${purpose.wanted}, ${got} from ${url.host}${said}`, {
    ...(hint === undefined ? {} : { hint }),
    cause: new RefusingAnswer(status, codes, retryAfter(answer)),
  });
}

function codeFor(status: number): ErrorCode {
  if (status === 401) return "UNAUTHORIZED";
  if (status === 404) return "NOT_FOUND";
  if (status >= 400 && status < 500) return "DENIED";
  return status >= 500 ? "REGISTRY_FAILED" : "REGISTRY_PROTOCOL";
}

function hintFor(status: number, codes: readonly string[], { registry }: Purpose): string | undefined {
  if (status === 401 || (status === 403 && codes.includes("UNAUTHORIZED"))) {
    return `check the image's name, since a registry may not tell private from absent, and log in: docker login ${registry}`;
  }
  if (status === 403)
    return `ask for the right to do this at ${registry}, or log in as somebody who has it: docker login ${registry}`;
  if (status === 404)
    return "check the name and the tag; some registries want a project or repository to be made before";
  if (status === 413)
    return "the registry, or a proxy in front of it, limits the size of an upload: have the limit raised";
  if (status === 415)
    return "the registry does not take this media type; zot takes Docker's only with compat: [docker2s2]";
  if (status === 429)
    return `wait until the registry's limit allows more, or log in for a higher one: docker login ${registry}`;
  return status >= 500 ? "try again later; if it lasts, look into the registry's log" : undefined;
}

// No registry needs as much to say what is wrong; more is somebody's HTML, or an attack.
const MAX_ERROR_BODY = 64 * 1024;
// More errors than this say no more than the first few.
const MAX_ERRORS_SHOWN = 3;

// spec.md, "Error Codes"; nothing but the list is sure to be there.
const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.unknown(), message: z.unknown() })),
});

// Some servers repeat the request, headers and all.
const ECHOED_CREDENTIALS = /\b(basic|bearer)(\s|%20|\+)+[^\s"',;<>&]+/gi;

function withoutCredentials(text: string): string {
  return text.replace(ECHOED_CREDENTIALS, "$1 ***");
}

async function readWords(answer: Answer): Promise<{ codes: string[]; words: string }> {
  let bytes: Buffer;
  try {
    ({ bytes } = await readBody(answer, MAX_ERROR_BODY));
  } catch {
    // The status has come, and says what matters.
    return { codes: [], words: "" };
  }
  try {
    const { errors } = parseJson(bytes, errorsSchema, "error answer", "REGISTRY_PROTOCOL");
    const stated = errors.map(({ code, message }) => ({ code: textOf(code), message: textOf(message) }));
    const shown = stated
      .slice(0, MAX_ERRORS_SHOWN)
      .map(({ code, message }) =>
        [code && quote(code, 50).slice(1, -1), message && quote(message)].filter(Boolean).join(" "),
      );
    return { codes: stated.map(({ code }) => code), words: shown.filter(Boolean).join("; ") };
  } catch {
    const text = withoutCredentials(bytes.toString("utf8")).replace(/\s+/g, " ").trim();
    return { codes: [], words: text === "" ? "" : quote(text) };
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? withoutCredentials(value) : "";
}

/** Retry-After in milliseconds: seconds, or a date (RFC 9110 section 10.2.3). */
function retryAfter({ header }: Answer): number {
  const value = header("retry-after") ?? "";
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : 0;
}
