import { STATUS_CODES } from "node:http";
import * as z from "zod";
import { type ErrorCode, quote, SealiftError } from "../errors/index.js";
import { MAX_ASKED_DELAY_MS } from "../io/index.js";
import { parseJson } from "../oci/index.js";
import { readBody } from "./body.js";
import type { Answer } from "./http.js";
import { isPullLimit, pullLimitAdvice, pullQuotaOf } from "./quota.js";
import { adviceOn } from "./refusal-advice.js";
import { spanText } from "./span.js";

/** The answer an error was made from; it is the error's cause. */
export class RefusingAnswer extends Error {
  override readonly name = "RefusingAnswer";
  readonly status: number;
  /** The codes of the distribution specification that the body states. */
  readonly codes: readonly string[];
  /** The milliseconds that Retry-After asks to wait; 0 without it. */
  readonly retryAfter: number;
  /** Whether it refuses since all pulls of some hours are used up. */
  readonly isPullLimit: boolean;

  constructor(status: number, codes: readonly string[], retryAfter: number, isPullLimit: boolean) {
    super(`HTTP ${status}`);
    this.status = status;
    this.codes = codes;
    this.retryAfter = retryAfter;
    this.isPullLimit = isPullLimit;
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
  /** The registry as it stands in references: whom `sealift login` is told. */
  readonly registry: string;
  /** Whether something was to be stored. */
  readonly isPush?: boolean;
  /** What is to be said of the credentials, if anything is: where they came from. */
  readonly aboutCredentials?: string | undefined;
  /** What was sent, and must not be repeated when the answer does. */
  readonly secrets?: readonly string[];
}

/**
 * The error for an answer that is not the one that was wanted. It says what the
 * registry said; the body is read for that, and done with.
 */
export async function answerError(answer: Answer, purpose: Purpose): Promise<SealiftError> {
  const { status, url } = answer;
  const { codes, words, shown } = await readWords(answer, purpose.secrets ?? []);
  const said = shown === "" ? "" : `: ${shown}`;
  const got = `got ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd();
  const { wanted, registry, isPush = false } = purpose;
  const isUsedUp = isPullLimit(answer, words);
  const asked = retryAfter(answer);
  const advice =
    (isUsedUp && pullLimitAdvice(registry, pullQuotaOf(registry, answer))) ||
    (asked > MAX_ASKED_DELAY_MS && `it asks to wait ${spanText(asked)}, too long to stand still: try again then`) ||
    adviceOn({ status, codes, words, registry, isPush });
  const isRefusal = status === 401 || status === 403;
  const hint = [advice, isRefusal && purpose.aboutCredentials].filter(Boolean).join("; ");
  return new SealiftError(
    isUsedUp ? "PULL_LIMIT" : codeFor(status),
    `expected ${wanted}, ${got} from ${url.host}${said}`,
    {
      ...(hint === "" ? {} : { hint }),
      cause: new RefusingAnswer(status, codes, asked, isUsedUp),
    },
  );
}

function codeFor(status: number): ErrorCode {
  if (status === 401) return "UNAUTHORIZED";
  if (status === 404) return "NOT_FOUND";
  if (status >= 400 && status < 500) return "DENIED";
  return status >= 500 ? "REGISTRY_FAILED" : "REGISTRY_PROTOCOL";
}

// No registry needs as much to say what is wrong; more is somebody's HTML, or an attack.
const MAX_ERROR_BODY = 64 * 1024;
// More errors than this say no more than the first few.
const MAX_ERRORS_SHOWN = 3;
// Harbor and AWS need two lines of a terminal to name whom they refuse what, and why.
const MAX_WORDS_SHOWN = 400;

// spec.md, "Error Codes"; nothing but the list is sure to be there.
const errorsSchema = z.object({
  errors: z.array(z.object({ code: z.unknown(), message: z.unknown() })),
});

// Some servers repeat the request, headers and all.
const ECHOED_CREDENTIALS = /\b(basic|bearer)(\s|%20|\+)+[^\s"',;<>&]+/gi;

function withoutCredentials(text: string, secrets: readonly string[]): string {
  const withoutSecrets = secrets.reduce(
    (kept, secret) => (secret === "" ? kept : kept.replaceAll(secret, "***")),
    text,
  );
  return withoutSecrets.replace(ECHOED_CREDENTIALS, "$1 ***");
}

interface Said {
  readonly codes: readonly string[];
  readonly words: string;
  /** Codes and words, quoted, and not more of them than a message can bear. */
  readonly shown: string;
}

async function readWords(answer: Answer, secrets: readonly string[]): Promise<Said> {
  let bytes: Buffer;
  try {
    ({ bytes } = await readBody(answer, MAX_ERROR_BODY));
  } catch {
    // The status has come, and says what matters.
    return { codes: [], words: "", shown: "" };
  }
  try {
    const { errors } = parseJson(bytes, errorsSchema, "error answer", "REGISTRY_PROTOCOL");
    const stated = errors.map(({ code, message }) => ({
      code: textOf(code, secrets),
      message: textOf(message, secrets),
    }));
    const shown = stated
      .slice(0, MAX_ERRORS_SHOWN)
      .map(({ code, message }) =>
        [code && quote(code, 50).slice(1, -1), message && quote(message, MAX_WORDS_SHOWN)].filter(Boolean).join(" "),
      );
    return {
      codes: stated.map(({ code }) => code),
      words: stated.map(({ message }) => message).join(" "),
      shown: shown.filter(Boolean).join("; "),
    };
  } catch {
    const words = withoutCredentials(bytes.toString("utf8"), secrets).replace(/\s+/g, " ").trim();
    return { codes: [], words, shown: words === "" ? "" : quote(words) };
  }
}

function textOf(value: unknown, secrets: readonly string[]): string {
  return typeof value === "string" ? withoutCredentials(value, secrets) : "";
}

// The form of a date in HTTP (RFC 9110 section 5.6.7); Date.parse reads a date into all kinds of noise.
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Retry-After in milliseconds: seconds, or a date (RFC 9110 section 10.2.3); 0 for anything else. */
function retryAfter({ header }: Answer): number {
  const value = header("retry-after") ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const milliseconds = HTTP_DATE.test(value) ? Date.parse(value) - Date.now() : 0;
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : 0;
}
