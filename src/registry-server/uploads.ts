import { digestAlgorithm, digestOf, isDigest } from "../oci/index.js";
import type { Call } from "./call.js";
import { type Reply, refusal } from "./reply.js";
import type { MemoryStorage } from "./storage.js";

interface Session {
  readonly id: string;
  readonly repository: string;
  received: Buffer;
}

/**
 * Takes blobs: sessions that POST opens, PATCH adds to and PUT closes (spec.md,
 * "Pushing a blob in chunks", "POST then PUT", "Mounting a blob").
 *
 * As distribution does with `_state`, each Location carries a state, and only
 * the newest one is taken: a client that keeps an old Location, or loses its
 * query, is refused.
 */
export class Uploads {
  readonly #storage: MemoryStorage;
  readonly #sessions = new Map<string, Session>();
  #opened = 0;

  constructor(storage: MemoryStorage) {
    this.#storage = storage;
  }

  /** The number of sessions that were neither closed nor cancelled. */
  get open(): number {
    return this.#sessions.size;
  }

  /** POST: mounts a blob, or opens a session. */
  begin(repository: string, { url }: Call): Reply {
    const mount = url.searchParams.get("mount") ?? "";
    const from = url.searchParams.get("from") ?? "";
    if (isDigest(mount) && this.#storage.mountBlob(from, repository, mount)) return created(repository, mount);
    this.#opened += 1;
    const session = { id: String(this.#opened), repository, received: Buffer.alloc(0) };
    this.#sessions.set(session.id, session);
    return accepted(session);
  }

  /** PATCH: adds a chunk. */
  async append(repository: string, id: string, call: Call): Promise<Reply> {
    const session = this.#find(repository, id, call);
    if (session === undefined) return unknownUpload();
    const start = /^(\d+)-\d+$/.exec(call.headers["content-range"] ?? "")?.[1];
    if (start !== undefined && Number(start) !== session.received.length) {
      return { ...accepted(session), status: 416 };
    }
    await receive(session, call);
    return accepted(session);
  }

  /** PUT: adds the last chunk, if any, and stores the blob if its digest is right. */
  async finish(repository: string, id: string, call: Call): Promise<Reply> {
    const session = this.#find(repository, id, call);
    if (session === undefined) return unknownUpload();
    const digest = call.url.searchParams.get("digest") ?? "";
    if (!isDigest(digest)) return refusal(400, "DIGEST_INVALID", "the query states no digest");
    await receive(session, call);
    this.#sessions.delete(id);
    const actual = digestOf(session.received, digestAlgorithm(digest));
    if (actual !== digest) return refusal(400, "DIGEST_INVALID", `provided digest ${digest}, received ${actual}`);
    this.#storage.putBlob(repository, session.received, digest);
    return created(repository, digest);
  }

  /** DELETE: forgets a session. */
  cancel(repository: string, id: string, call: Call): Reply {
    if (this.#find(repository, id, call) === undefined) return unknownUpload();
    this.#sessions.delete(id);
    return { status: 204 };
  }

  #find(repository: string, id: string, { url }: Call): Session | undefined {
    const session = this.#sessions.get(id);
    const isNewest = session?.repository === repository && url.searchParams.get("state") === stateOf(session);
    return isNewest ? session : undefined;
  }
}

async function receive(session: Session, call: Call): Promise<void> {
  const body = (await call.readBody()) ?? Buffer.alloc(0);
  session.received = session.received.length === 0 ? body : Buffer.concat([session.received, body]);
}

function stateOf(session: Session): string {
  return `at-${session.received.length}`;
}

function accepted(session: Session): Reply {
  const { id, repository, received } = session;
  const location = `/v2/${repository}/blobs/uploads/${id}?state=${stateOf(session)}`;
  return { status: 202, headers: { location, range: `0-${Math.max(0, received.length - 1)}` } };
}

function created(repository: string, digest: string): Reply {
  return {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest },
  };
}

function unknownUpload(): Reply {
  return refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
}
