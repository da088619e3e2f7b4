import { type Descriptor, isImageManifestMediaType, isIndexMediaType } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import { ACCEPTED_MANIFESTS } from "./manifests.js";
import type { Remote } from "./remote.js";

/** `ImageDestination.has` of a repository. */
export async function has(remote: Remote, descriptor: Descriptor, op?: Op): Promise<boolean> {
  const { mediaType, digest, size } = descriptor;
  const isManifest = isIndexMediaType(mediaType) || isImageManifestMediaType(mediaType);
  const answer = await remote.request({
    method: "HEAD",
    url: remote.url(`${isManifest ? "manifests" : "blobs"}/${digest}`),
    wanted: `to learn whether ${remote.name} has ${digest}`,
    ...(isManifest && { headers: { accept: ACCEPTED_MANIFESTS } }),
    statuses: [200, 404],
    scopes: [remote.pushScope],
    op,
  });
  answer.discard();
  // A registry that states neither is believed: what is put on top of it is checked there.
  const isSame = (header: string, expected: string) => (answer.header(header) ?? expected) === expected;
  return answer.status === 200 && isSame("content-length", String(size)) && isSame("docker-content-digest", digest);
}
