import { quote, SealiftError } from "../errors/index.js";

/**
 * The error for a request that got no answer, or not the whole of one.
 *
 * @param wanted - Completes `expected …`.
 * @param host - The host and port that did not answer.
 */
export function connectionError(cause: unknown, wanted: string, host: string): SealiftError {
  const { advice } = diagnose(cause);
  return new SealiftError(
    "UNREACHABLE",
    `expected ${wanted}, got no whole answer from ${host}: ${quote(wordsOf(cause))}`,
    {
      hint: advice(host),
      cause,
    },
  );
}

/** Whether another try may end otherwise. A name that does not exist and an untrusted certificate stay so. */
export function isTransientConnectionError(cause: unknown): boolean {
  return diagnose(cause).isTransient;
}

interface Diagnosis {
  readonly isTransient: boolean;
  readonly advice: (host: string) => string;
}

function diagnose(cause: unknown): Diagnosis {
  const { name, code, message } = firstOf(cause);
  if (code === "ECONNREFUSED") {
    return { isTransient: true, advice: (host) => `check that the registry runs, and the port in ${host}` };
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return {
      isTransient: code === "EAI_AGAIN",
      advice: (host) => `check the name in ${host}, and this machine's name service`,
    };
  }
  // What OpenSSL says when the first bytes are those of an HTTP answer.
  if (/wrong version number|packet length too long/i.test(message)) {
    return {
      isTransient: false,
      advice: (host) => `${host} seems to speak plain HTTP, which is used with loopback hosts only`,
    };
  }
  // https://nodejs.org/docs/latest-v20.x/api/tls.html#x509-certificate-error-codes
  if (/CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code)) {
    return {
      isTransient: false,
      advice: (host) => `if ${host} is signed by an authority of your own, name its certificate in NODE_EXTRA_CA_CERTS`,
    };
  }
  if (name === "HTTPParserError") return { isTransient: false, advice: (host) => `check that ${host} is a registry` };
  // The client was closed: whoever did that wants no other try.
  const isClosed = code === "UND_ERR_DESTROYED" || code === "UND_ERR_CLOSED";
  return { isTransient: !isClosed, advice: () => "check the network, and try again" };
}

function wordsOf(cause: unknown): string {
  const { code, message } = firstOf(cause);
  // OpenSSL's messages come with a line end, and with places in its source.
  return message.replace(/^[0-9A-F]+:error:[0-9A-F]+:|:[^:]*\.c:\d+:\s*$/g, "").trim() || code;
}

function firstOf(cause: unknown): { name: string; code: string; message: string } {
  // Several addresses were tried: all failed, usually for the same reason.
  const error: unknown = cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
  if (!(error instanceof Error)) return { name: "", code: "", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return { name: error.name, code, message: error.message };
}
