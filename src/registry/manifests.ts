import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import {
  assertManifestMediaType,
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isDigest,
  MANIFEST_MEDIA_TYPES,
  MAX_MANIFEST_SIZE,
  type RawManifest,
  type Reference,
} from "../oci/index.js";
import type { Op } from "../ports/index.js";
import { refusingAnswer } from "./answer-error.js";
import { readBody } from "./body.js";
import type { Answer } from "./http.js";
import type { Remote } from "./remote.js";
import { minRetryDelay } from "./transient.js";

// Schema 1 is asked for as well, so that an image which is nothing else is
// refused as such: registries call it absent otherwise.
const SCHEMA_1_MEDIA_TYPES = [
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
  "application/vnd.docker.distribution.manifest.v1+json",
];

/** The Accept header of requests for manifests. */
export const ACCEPTED_MANIFESTS = [...MANIFEST_MEDIA_TYPES, ...SCHEMA_1_MEDIA_TYPES].join(", ");

/**
 * `ImageSource.resolve` of a repository. Of a reference with a tag and a
 * digest, the digest counts, as for Docker.
 */
export async function resolve(remote: Remote, reference: Reference, op?: Op): Promise<Descriptor> {
  const { digest } = reference;
  const target = digest ?? reference.tag ?? "latest";
  const wanted = `manifest ${target} of ${remote.name}`;
  const call = {
    url: remote.url(`manifests/${target}`),
    wanted,
    headers: { accept: ACCEPTED_MANIFESTS },
    statuses: [200],
    op,
  };
  // Docker Hub counts a GET as a pull, and a HEAD not.
  const head = await remote.request({ ...call, method: "HEAD" }).catch(giveUpUnlessGetMayDo);
  head?.discard();
  const stated = head && statedDescriptor(head, digest);
  const descriptor =
    stated ??
    (await remote.requestAndRead({ ...call, method: "GET" }, (answer) => readDescriptor(answer, wanted, digest)));
  assertCarried(descriptor, wanted);
  return descriptor;
}

/** `ImageSource.fetchManifest` of a repository. */
export async function fetchManifest(remote: Remote, descriptor: Descriptor, op?: Op): Promise<RawManifest> {
  const { digest } = descriptor;
  const wanted = `manifest ${digest} of ${remote.name}`;
  assertCarried(descriptor, wanted);
  const url = remote.url(`manifests/${digest}`);
  const headers = { accept: ACCEPTED_MANIFESTS };
  const call = { method: "GET", url, wanted, headers, statuses: [200], op } as const;
  return await remote.requestAndRead(call, (answer) => readManifest(answer, descriptor, wanted));
}

async function readManifest(answer: Answer, descriptor: Descriptor, wanted: string): Promise<RawManifest> {
  const { digest, size, mediaType } = descriptor;
  const stated = mediaTypeOf(answer);
  if (stated !== undefined && stated !== mediaType) {
    answer.discard();
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${wanted} to be of media type ${quote(mediaType)}, got ${quote(stated)} from ${answer.url.host}`,
    );
  }
  const { bytes, isWhole } = await readBody(answer, size);
  if (!isWhole || bytes.length !== size) {
    const came = isWhole ? `${bytes.length}` : "more";
    throw new SealiftError(
      "SIZE_MISMATCH",
      `expected ${size} bytes for ${wanted}, got ${came} from ${answer.url.host}`,
    );
  }
  assertDigest(digestOf(bytes, digestAlgorithm(digest)), digest, wanted, answer);
  return { descriptor, bytes };
}

/** `ImageDestination.putManifest` of a repository. */
export async function putManifest(remote: Remote, manifest: RawManifest, tag?: string, op?: Op): Promise<void> {
  const { digest, mediaType } = manifest.descriptor;
  const target = tag ?? digest;
  // Where tags are immutable, putting even the same manifest again is refused (ECR, Harbor).
  if (tag !== undefined && (await digestOfTag(remote, tag, op)) === digest) return;
  const wanted = `${remote.name} to take manifest ${target}`;
  const answer = await remote.request({
    method: "PUT",
    url: remote.url(`manifests/${target}`),
    wanted,
    headers: { "content-type": mediaType },
    body: manifest.bytes,
    // The specification has 201; older registries answered 200 or 202.
    statuses: [200, 201, 202, 204],
    scopes: [remote.pushScope],
    op,
  });
  answer.discard();
  const stored = answer.header("docker-content-digest") ?? digest;
  if (stored !== digest) {
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${wanted}, got ${quote(stored)} stored by ${answer.url.host}`,
      {
        hint: "the registry, or something before it, changes manifests: have that turned off",
      },
    );
  }
}

/** What a tag names now; undefined if it names nothing, or nothing that this user may see. */
async function digestOfTag(remote: Remote, tag: string, op?: Op): Promise<string | undefined> {
  try {
    const answer = await remote.request({
      method: "HEAD",
      url: remote.url(`manifests/${tag}`),
      wanted: `to learn what ${remote.name}:${tag} is`,
      headers: { accept: ACCEPTED_MANIFESTS },
      statuses: [200, 404],
      scopes: [remote.pushScope],
      op,
    });
    answer.discard();
    return answer.status === 200 ? answer.header("docker-content-digest") : undefined;
  } catch (error) {
    if (isSealiftError(error, "DENIED", "UNAUTHORIZED")) return undefined;
    throw error;
  }
}

/** Passes an error on, unless it is a refusal of HEAD: GET may be answered, and its refusal says why. */
function giveUpUnlessGetMayDo(error: unknown): undefined {
  const isRefusal = isSealiftError(error, "DENIED") && minRetryDelay(error) === undefined;
  if (!isRefusal && refusingAnswer(error)?.status !== 501) throw error;
}

/** What the headers of an answer say of a manifest, if they say all. */
function statedDescriptor(answer: Answer, asked: Digest | undefined): Descriptor | undefined {
  const mediaType = mediaTypeOf(answer);
  const digest = asked ?? answer.header("docker-content-digest");
  const size = Number(answer.header("content-length"));
  if (mediaType === undefined || digest === undefined || !isDigest(digest) || !(size > 0)) return undefined;
  return { mediaType, digest, size };
}

async function readDescriptor(answer: Answer, wanted: string, asked: Digest | undefined): Promise<Descriptor> {
  const { bytes, isWhole } = await readBody(answer, MAX_MANIFEST_SIZE);
  if (!isWhole) throw tooLarge(`more than ${MAX_MANIFEST_SIZE}`, wanted);
  const digest = digestOf(bytes, asked && digestAlgorithm(asked));
  assertDigest(digest, asked ?? answer.header("docker-content-digest") ?? digest, wanted, answer);
  return { mediaType: mediaTypeOf(answer) ?? "", digest, size: bytes.length };
}

/** The media type of an answer, without parameters such as `charset`. */
export function mediaTypeOf(answer: Answer): string | undefined {
  return answer.header("content-type")?.split(";")[0]?.trim().toLowerCase() || undefined;
}

function assertCarried({ mediaType, size }: Descriptor, wanted: string): void {
  assertManifestMediaType(mediaType, wanted);
  if (size > MAX_MANIFEST_SIZE) throw tooLarge(String(size), wanted);
}

function tooLarge(came: string, wanted: string): SealiftError {
  return new SealiftError(
    "REGISTRY_PROTOCOL",
    `expected ${wanted} to have at most ${MAX_MANIFEST_SIZE} bytes, got ${came}`,
  );
}

function assertDigest(came: string, expected: string, wanted: string, { url }: Answer): void {
  if (came === expected) return;
  throw new SealiftError(
    "DIGEST_MISMATCH",
    `expected ${wanted} with digest ${expected}, got ${quote(came)} from ${url.host}`,
    {
      hint: "the registry, or something before it, changes manifests: what is there is not what was signed",
    },
  );
}
