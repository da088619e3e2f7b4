import type { Middleware } from "./call.js";
import { type Reply, refusal } from "./reply.js";

// What S3 and Azure's storage say to a request that brings the registry's token along with the signature in its URL.
const DOUBLE_AUTHORIZATION = {
  s3: "<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>",
  azure:
    "<Error><Code>InvalidAuthenticationInfo</Code><Message>Authentication information is not given in the correct format</Message></Error>",
} as const;

/** How registries differ in what they ask of those who read. */
export const PULL_QUIRKS = {
  /** 400 for a request with an Authorization header: the storage that blobs are redirected to. */
  refusesAuthorization:
    (storage: keyof typeof DOUBLE_AUTHORIZATION): Middleware =>
    async (call, next) =>
      call.headers.authorization === undefined ? await next(call) : xmlReply(400, DOUBLE_AUTHORIZATION[storage]),

  /** 401 for HEAD of a blob, whoever asks, while GET is answered: ECR public. */
  refusesBlobHead:
    (_on: true): Middleware =>
    async (call, next) =>
      call.method === "HEAD" && call.endpoint.kind === "blob"
        ? refusal(401, "UNAUTHORIZED", "Not Authorized")
        : await next(call),

  /** 401 without a word on how to log in, but at `/v2/`: gcr.io. */
  omitsChallenge:
    (_on: true): Middleware =>
    async (call, next) => {
      const reply = await next(call);
      if (reply.status !== 401 || call.endpoint.kind === "base") return reply;
      const { "www-authenticate": _challenge, ...headers } = reply.headers ?? {};
      return { ...reply, headers };
    },
};

function xmlReply(status: number, text: string): Reply {
  return { status, headers: { "content-type": "application/xml" }, body: Buffer.from(text) };
}
