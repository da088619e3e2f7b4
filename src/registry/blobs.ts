import type { Readable } from "node:stream";
import { SealiftError } from "../errors/index.js";
import { verifiedStream } from "../io/index.js";
import type { Descriptor } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import type { Remote } from "./remote.js";

/** `ImageSource.fetchBlob` of a repository. */
export async function fetchBlob(remote: Remote, descriptor: Descriptor, op?: Op): Promise<Readable> {
  const { digest, size } = descriptor;
  const wanted = `blob ${digest} of ${remote.name}`;
  const answer = await remote.request({
    method: "GET",
    url: remote.url(`blobs/${digest}`),
    wanted,
    statuses: [200],
    isBlob: true,
    op,
  });
  const length = answer.header("content-length");
  if (length !== undefined && Number(length) !== size) {
    answer.body.destroy();
    throw new SealiftError(
      "SIZE_MISMATCH",
      `expected ${size} bytes for ${wanted}, got an answer of ${length} bytes from ${answer.url.host}`,
      {
        hint: "the manifest or the registry states a wrong size: check the image with whoever built it",
      },
    );
  }
  // What breaks the connection must reach the reader as an error of ours. This
  // listener comes before those of the pipeline, which would pass it on as it is.
  answer.body.once("error", (cause) => verified.destroy(answer.failure(cause) as Error));
  const verified = verifiedStream(answer.body, descriptor, remote.name);
  return verified;
}
