import { quote, SealiftError } from "../errors/index.js";
import { firstCause } from "./first-cause.js";
import { ProxyFailure } from "./proxy/proxy-failure.js";

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

/** What is known of a failure. */
interface Fault {
  readonly name: string;
  readonly code: string;
  readonly message: string;
}

interface Rule extends Diagnosis {
  readonly applies: (fault: Fault) => boolean;
}

const hasCode =
  (...codes: readonly string[]) =>
  ({ code }: Fault): boolean =>
    codes.includes(code);

/** What each failure means; the first that applies counts. */
const RULES: readonly Rule[] = [
  {
    applies: hasCode("ECONNREFUSED"),
    isTransient: true,
    advice: (host) => `check that the registry runs, and the port in ${host}`,
  },
  {
    applies: hasCode("EAI_AGAIN"),
    isTransient: true,
    advice: adviseOnName,
  },
  {
    applies: hasCode("ENOTFOUND"),
    isTransient: false,
    advice: adviseOnName,
  },
  {
    // What OpenSSL says when the first bytes are those of an HTTP answer.
    applies: ({ message }) => /wrong version number|packet length too long/i.test(message),
    isTransient: false,
    advice: (host) => `${host} seems to speak plain HTTP: if it is meant to, add --plain-http`,
  },
  {
    applies: hasCode("ERR_TLS_CERT_ALTNAME_INVALID"),
    isTransient: false,
    advice: (host) => `the certificate of ${host} is for other names: use one of them, or have it made anew`,
  },
  {
    applies: hasCode("CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"),
    isTransient: false,
    advice: (host) => `check this machine's clock; if it is right, have the certificate of ${host} renewed`,
  },
  {
    applies: ({ code }) => /ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA)/.test(code),
    isTransient: false,
    advice: (host) =>
      `${host} wants a client certificate that it knows: put it into /etc/docker/certs.d/${host} as client.cert and client.key`,
  },
  {
    // https://nodejs.org/docs/latest-v20.x/api/tls.html#x509-certificate-error-codes
    applies: ({ code }) => /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/.test(code),
    isTransient: false,
    advice: (host) => `if an authority of your own signed for ${host}, name its certificate with --ca-file`,
  },
  {
    applies: ({ name }) => name === "HTTPParserError",
    isTransient: false,
    advice: (host) => `check that ${host} is a registry`,
  },
  {
    // The client was closed: whoever did that wants no other try.
    applies: hasCode("UND_ERR_DESTROYED", "UND_ERR_CLOSED"),
    isTransient: false,
    advice: adviseOnNetwork,
  },
];

function adviseOnName(host: string): string {
  return `check the name in ${host}, and this machine's name service`;
}

function adviseOnNetwork(): string {
  return "check the network, and try again";
}

function diagnose(cause: unknown): Diagnosis {
  if (cause instanceof ProxyFailure) return diagnoseProxy(cause);
  const fault = faultOf(cause);
  return RULES.find(({ applies }) => applies(fault)) ?? { isTransient: true, advice: adviseOnNetwork };
}

// Most proxies let nobody in who is unknown to them, and nobody out to where they must not go.
function diagnoseProxy({ status, cause }: ProxyFailure): Diagnosis {
  if (status === 407) {
    return {
      isTransient: false,
      advice: () => "put the user and the password into HTTPS_PROXY or HTTP_PROXY: http://USER:PASSWORD@HOST:PORT",
    };
  }
  return {
    isTransient: status === undefined ? diagnose(cause).isTransient : status >= 500,
    advice: (host) => `check HTTPS_PROXY and HTTP_PROXY; if ${host} needs no proxy, add it to NO_PROXY`,
  };
}

function wordsOf(cause: unknown): string {
  const { code, message } = faultOf(cause);
  // OpenSSL's messages come with a line end, and with places in its source.
  return message.replace(/^[0-9A-F]+:error:[0-9A-F]+:|:[^:]*\.c:\d+:\s*$/g, "").trim() || code;
}

function faultOf(cause: unknown): Fault {
  const error = firstCause(cause);
  if (!(error instanceof Error)) return { name: "", code: "", message: String(error) };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return { name: error.name, code, message: error.message };
}
