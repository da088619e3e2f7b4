import type { BundleReferrer } from "../../index.js";
import type { Field } from "./fields.js";

// What tools name their artifacts. The first that fits counts.
const KINDS: readonly (readonly [artifactType: RegExp, kind: string])[] = [
  [/^application\/vnd\.cncf\.notary\.signature/, "notation signature"],
  [/^application\/vnd\.dev\.cosign\.artifact\.sig/, "cosign signature"],
  [/^application\/vnd\.dev\.cosign\.artifact\.att/, "cosign attestation"],
  [/spdx|cyclonedx|syft|sbom/i, "SBOM"],
  [/in-toto|attestation/i, "attestation"],
  [/sarif|vulnerab/i, "scan report"],
];

const ATTACHMENTS: ReadonlyMap<string, string> = new Map([
  ["sig", "cosign signature"],
  ["att", "cosign attestation"],
  ["sbom", "SBOM"],
]);

// No media type in use is longer, and the index bounds none.
const MAX_TYPE_LENGTH = 100;

/** What a referrer is, in words, as far as its type tells. */
export function referrerKind({ descriptor, tag }: BundleReferrer): string {
  if (tag !== undefined) return ATTACHMENTS.get(tag.replace(/^.*\./, "")) ?? "cosign attachment";
  const { artifactType = "no type", annotations = {} } = descriptor;
  if (annotations["vnd.docker.reference.type"] !== undefined) return "BuildKit attestation";
  if (artifactType.startsWith("application/vnd.dev.sigstore.bundle")) {
    return sigstoreKind(annotations["dev.sigstore.bundle.predicateType"]);
  }
  return (
    KINDS.find(([pattern]) => pattern.test(artifactType))?.[1] ??
    `artifact of ${artifactType.slice(0, MAX_TYPE_LENGTH)}`
  );
}

/** How many there are of each kind: `2 cosign signatures, 1 SBOM`. */
export function referrerCounts(referrers: readonly BundleReferrer[]): string {
  const counts = new Map<string, number>();
  for (const kind of referrers.map(referrerKind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${count === 1 ? kind : plural(kind)}`).join(", ");
}

/** One field for each referrer: what it is, its digest, and what it is about, unless that is `root`. */
export function referrerFields(referrers: readonly BundleReferrer[], root: string): Field[] {
  return referrers.map((referrer) => {
    const { descriptor, subject } = referrer;
    const about = subject === root ? "" : `, about ${subject}`;
    return [referrerKind(referrer), `${descriptor.digest}${about}`];
  });
}

// https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md: a signature is an attestation of this type.
function sigstoreKind(predicateType: string | undefined): string {
  if (predicateType === undefined) return "Sigstore bundle";
  return predicateType === "https://sigstore.dev/cosign/sign/v1" ? "cosign signature" : "Sigstore attestation";
}

function plural(kind: string): string {
  return kind.startsWith("artifact of ") ? kind.replace("artifact", "artifacts") : `${kind}s`;
}
