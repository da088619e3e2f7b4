import { type Descriptor, isImageManifestMediaType, isIndexMediaType } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import type { Answer } from "./http.js";
import { ACCEPTED_MANIFESTS } from "./manifests.js";
import type { Remote } from "./remote.js";
import { isRefusal } from "./transient.js";

/** `ImageDestination.has` of a repository. */
export async function has(remote: Remote, descriptor: Descriptor, op?: Op): Promise<boolean> {
  const { mediaType, digest, size } = descriptor;
  const isManifest = isIndexMediaType(mediaType) || isImageManifestMediaType(mediaType);
  const call = {
    url: remote.url(`${isManifest ? "manifests" : "blobs"}/${digest}`),
    wanted: `to learn whether ${remote.name} has ${digest}`,
    scopes: [remote.pushScope],
    op,
  };
  const accept = isManifest ? { accept: ACCEPTED_MANIFESTS } : undefined;
  const answer = await remote
    .request({ ...call, method: "HEAD", ...(accept && { headers: accept }), statuses: [200, 404] })
    .catch(async (error: unknown): Promise<Answer> => {
      if (!isRefusal(error)) throw error;
      // ECR public refuses HEAD of a blob to those whom it answers GET. Others say in the answer
      // to GET, and cannot say in that to HEAD, what is wrong. Of a blob, one byte is enough.
      const headers = accept ?? { range: "bytes=0-0" };
      return await remote.request({ ...call, method: "GET", headers, statuses: [200, 206, 404] });
    });
  answer.discard();
  // A registry that states neither is believed: what is put on top of it is checked there.
  const isSame = (header: string, expected: string) => (answer.header(header) ?? expected) === expected;
  const isSameSize = answer.status === 206 || isSame("content-length", String(size));
  return answer.status !== 404 && isSameSize && isSame("docker-content-digest", digest);
}
