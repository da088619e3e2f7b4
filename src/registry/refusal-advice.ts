/** What a registry refused, and how. */
export interface Refusal {
  readonly status: number;
  /** The codes of the distribution specification, or the registry's own, that the answer states. */
  readonly codes: readonly string[];
  /** All that the answer says, as it came. */
  readonly words: string;
  /** The registry as it stands in references. */
  readonly registry: string;
  /** Whether something was to be stored. */
  readonly isPush: boolean;
}

interface Rule {
  readonly applies: (refusal: Refusal) => boolean;
  readonly advice: string | ((refusal: Refusal) => string);
}

const hasStatus =
  (...statuses: readonly number[]) =>
  ({ status }: Refusal): boolean =>
    statuses.includes(status);

const says =
  (pattern: RegExp) =>
  ({ words }: Refusal): boolean =>
    pattern.test(words);

/**
 * What to do about which refusal; the first that applies counts. Registries
 * agree on few codes and statuses, so some are known by their words. Whatever
 * words come, they only choose among these texts.
 */
const RULES: readonly Rule[] = [
  {
    applies: hasStatus(429),
    advice: ({ registry }) =>
      `wait until the registry's limit allows more, or log in for a higher one: sealift login ${registry}`,
  },
  {
    // ECR, 403 DENIED: "Your authorization token has expired. Reauthenticate and try again."
    applies: says(/token has expired/i),
    advice: ({ registry }) => `log in again, since ECR's passwords live for 12 hours: sealift login ${registry}`,
  },
  {
    // nginx, 400, with ssl_verify_client on.
    applies: says(/no required ssl certificate was sent/i),
    advice: ({ registry }) => `give Sealift a client certificate: client.cert and client.key in certs.d/${registry}/`,
  },
  {
    // Go's servers, 400: "Client sent an HTTP request to an HTTPS server."
    // nginx, 400: "The plain HTTP request was sent to HTTPS port".
    applies: says(/HTTP request (?:was sent )?to (?:an )?HTTPS/i),
    advice: "the registry speaks TLS: leave --plain-http out; if it is on this machine, say --plain-http=false",
  },
  {
    // Harbor, 412: "Failed to process request due to 'app:1' configured as immutable."
    // ECR, 400 TAG_INVALID: "… cannot be overwritten because the repository is immutable."
    // Artifact Registry, 400: "cannot update tag 1. The repository has enabled tag immutability".
    // Nexus, 400: "Repository does not allow updating assets: hosted".
    applies: says(/immutab|not allow updating/i),
    advice: "the tag names something else there and may not be moved: export under a new tag, or have the rule lifted",
  },
  {
    // Harbor, 403: "adding 2.1 MiB of storage resource, which when updated to current usage of 8.3 MiB will exceed
    // the configured upper limit of 10.0 MiB."; Quay, 403: "Quota has been exceeded on namespace".
    applies: says(/\bquota\b|configured upper limit/i),
    advice:
      "have the quota raised, or old images deleted and their garbage collected; the next import sends only what is missing",
  },
  {
    // Harbor, 403: "can not push artifact to a proxy project: hub"; Nexus, 403: "Deploying to groups is a PRO-licensed feature".
    applies: says(/proxy project|deploying to groups/i),
    advice: "images cannot be pushed to a proxy or group: name a project or repository with images of its own in --to",
  },
  {
    // Harbor, 403: "The system is in read only mode. Any modification is prohibited."; Quay: "System is currently read-only."
    applies: says(/\bread[- ]?only\b/i),
    advice: "have the registry's read-only mode ended; the next import sends only what is missing",
  },
  {
    // ACR, 405: "The operation is disallowed on this registry, repository or image."
    applies: says(/operation is disallowed/i),
    advice: "the image or its repository is locked, or the registry is full: az acr repository show tells which",
  },
  {
    // distribution, 405 UNSUPPORTED, when it is set to be read-only, or is a pull-through cache.
    applies: (refusal) => refusal.isPush && refusal.status === 405,
    advice: "the registry takes nothing: it is read-only, or a cache of another one",
  },
  {
    // Harbor, 412 PROJECTPOLICYVIOLATION: "current image with 3 vulnerabilities cannot be pulled due to configured policy …".
    applies: ({ codes, words }) =>
      codes.includes("PROJECTPOLICYVIOLATION") || /due to configured policy|not signed/i.test(words),
    advice: "the project's policy (scan, signature) refuses the image: ask whoever set it to allow the image",
  },
  {
    // GitLab and AWS refuse in this way what is absent as well.
    applies: ({ status, codes }) => status === 401 || (status === 403 && codes.includes("UNAUTHORIZED")),
    advice: ({ registry, isPush }) =>
      isPush
        ? `log in as somebody who may push there: sealift login ${registry}; a project that does not exist may be refused in the same way`
        : `check the image's name, since a registry may not tell private from absent, and log in: sealift login ${registry}`,
  },
  {
    applies: hasStatus(403),
    advice: ({ registry }) =>
      `ask for the right to do this at ${registry}, or log in as somebody who has it: sealift login ${registry}`,
  },
  {
    // Harbor: "project team not found"; ECR, NAME_UNKNOWN: "The repository with name 'app' does not exist in the registry …".
    applies: (refusal) => refusal.isPush && refusal.status === 404,
    advice:
      "have it made first, as Harbor wants a project, and ECR a repository of this very name; or choose another place with --to",
  },
  { applies: hasStatus(404), advice: "check the name and the tag" },
  {
    applies: hasStatus(413),
    advice: "the registry, or a proxy in front of it, limits the size of an upload: have the limit raised",
  },
  {
    // zot, 415 MANIFEST_INVALID.
    applies: hasStatus(415),
    advice:
      'the registry does not take this media type; zot takes Docker\'s with "http": {"compat": ["docker2s2"]} only. Sealift converts nothing: digests would change, and signatures break',
  },
  { applies: ({ status }) => status >= 500, advice: "try again later; if it lasts, look into the registry's log" },
];

/** What to do about a refusal; undefined if nobody can say. */
export function adviceOn(refusal: Refusal): string | undefined {
  const advice = RULES.find(({ applies }) => applies(refusal))?.advice;
  return typeof advice === "function" ? advice(refusal) : advice;
}
