import { SealiftError } from "../errors/index.js";
import { type BlobHash, blobDigestError, blobSizeError } from "../io/index.js";
import { type Descriptor, digestAlgorithm } from "../oci/index.js";
import type { Op, TakeChunk } from "../ports/index.js";
import { pourBody } from "./body.js";
import type { Answer } from "./http.js";
import type { Remote } from "./remote.js";

/** `ImageSource.fetchBlob` of a repository. */
export async function fetchBlob(remote: Remote, descriptor: Descriptor, take: TakeChunk, op?: Op): Promise<void> {
  await remote.retry(async () => {
    const answer = await openBlob(remote, descriptor, op);
    await receive(remote, descriptor, answer, take);
  }, op);
}

async function openBlob(remote: Remote, { digest, size }: Descriptor, op: Op | undefined): Promise<Answer> {
  const wanted = `blob ${digest} of ${remote.name}`;
  const answer = await remote.requestOnce({
    method: "GET",
    url: remote.url(`blobs/${digest}`),
    wanted,
    statuses: [200],
    isBlob: true,
    op,
  });
  const length = answer.header("content-length");
  if (length === undefined || Number(length) === size) return answer;
  answer.body.destroy();
  throw new SealiftError(
    "SIZE_MISMATCH",
    `expected ${size} bytes for ${wanted}, got an answer of ${length} bytes from ${answer.url.host}`,
    {
      hint: "the manifest or the registry states a wrong size: check the image with whoever built it",
    },
  );
}

/** Gives what comes to `take`, and hashes it; fails unless it is what the descriptor says. */
async function receive(remote: Remote, descriptor: Descriptor, answer: Answer, take: TakeChunk): Promise<void> {
  const hash = remote.hashThread.begin(digestAlgorithm(descriptor.digest), descriptor.size);
  try {
    const received = await pour(remote, descriptor, answer, take, hash);
    if (received !== descriptor.size) throw blobSizeError(descriptor, remote.name, String(received));
    const came = await hash.digest();
    if (came !== descriptor.digest) throw blobDigestError(descriptor, remote.name, came);
  } finally {
    hash.abandon();
  }
}

async function pour(
  remote: Remote,
  descriptor: Descriptor,
  answer: Answer,
  take: TakeChunk,
  hash: BlobHash,
): Promise<number> {
  let received = 0;
  await pourBody(answer, async (chunk) => {
    const position = received;
    received += chunk.length;
    if (received > descriptor.size) throw blobSizeError(descriptor, remote.name, `at least ${received}`);
    await take(chunk, position);
    await hash.update(chunk);
  });
  return received;
}
