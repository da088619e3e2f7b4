import type { Readable } from "node:stream";
import { isSealiftError } from "../errors/index.js";
import type { Descriptor, Reference } from "../oci/index.js";
import type { Op } from "../ports/index.js";
import { refusingAnswer } from "./answer-error.js";
import { resolveLocation } from "./location.js";
import type { Remote } from "./remote.js";
import { SourceFailure } from "./upload-body.js";
import { UploadSession } from "./upload-session.js";

// Those that have said so. A large blob may come through a pipe, which gives its
// bytes only once: what a small one before it has taught is not asked again.
const wantingPatch = new WeakSet<Remote>();

/**
 * `ImageDestination.putBlob` of a repository: POST, then one PUT with all
 * bytes, as containerd and oras do it, since ECR and Google's registries take
 * no chunks. One that takes no such PUT gets a PATCH before it.
 */
export async function putBlob(
  remote: Remote,
  descriptor: Descriptor,
  open: () => Promise<Readable>,
  op?: Op,
): Promise<void> {
  const content = { size: descriptor.size, open };
  let began = false;
  const upload = async (send: (session: UploadSession) => Promise<void>) =>
    await remote.retry(async () => {
      const session = await UploadSession.begin(remote, descriptor, op);
      began = true;
      await send(session).catch(async (error: unknown) => {
        if (error instanceof SourceFailure && !op?.signal?.aborted) await session.cancel();
        throw error;
      });
    }, op);
  const uploadByPatch = async () =>
    await upload(async (session) => {
      await session.append(content);
      await session.finish();
    });
  try {
    if (wantingPatch.has(remote)) await uploadByPatch();
    else {
      await upload((session) => session.finish(content)).catch(async (error: unknown) => {
        if (!began || !wantsPatch(error)) throw error;
        wantingPatch.add(remote);
        await uploadByPatch();
      });
    }
  } catch (error) {
    throw error instanceof SourceFailure ? error.cause : error;
  }
}

function wantsPatch(error: unknown): boolean {
  const answer = refusingAnswer(error);
  return answer !== undefined && ([405, 501].includes(answer.status) || answer.codes.includes("UNSUPPORTED"));
}

/** `BlobMounter.mountBlob` of a repository. */
export async function mountBlob(remote: Remote, descriptor: Descriptor, from: Reference, op?: Op): Promise<boolean> {
  if (from.registry !== remote.host.registry) return false;
  const url = remote.url("blobs/uploads/");
  url.search = `mount=${encodeURIComponent(descriptor.digest)}&from=${encodeURIComponent(from.repository)}`;
  const wanted = `${remote.name} to mount blob ${descriptor.digest} from ${from.repository}`;
  const scopes = [remote.pushScope, `repository:${from.repository}:pull`];
  try {
    const answer = await remote.request({ method: "POST", url, wanted, statuses: [201, 202], scopes, op });
    answer.discard();
    if (answer.status === 201) return true;
    // The upload that was begun instead is given back: whoever puts the blob
    // begins one, and nobody has to remember this one until then.
    const location = resolveLocation(answer.header("location"), answer.url, wanted);
    await new UploadSession(remote, descriptor, location, op).cancel();
    return false;
  } catch (error) {
    // Registries that cannot mount, or let nobody mount what this user may not read.
    if (isSealiftError(error, "DENIED", "NOT_FOUND", "UNAUTHORIZED")) return false;
    throw error;
  }
}
