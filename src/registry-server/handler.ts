import { getBlob } from "./blobs.js";
import type { Call, Handler } from "./call.js";
import { listRepositories, listTags } from "./lists.js";
import { getManifest, putManifest } from "./manifests.js";
import { listReferrers } from "./referrers.js";
import { jsonReply, type Reply, refusal } from "./reply.js";
import type { MemoryStorage } from "./storage.js";
import type { Uploads } from "./uploads.js";

/** The distribution specification's pull and push over `storage`. */
export function registryHandler(storage: MemoryStorage, uploads: Uploads): Handler {
  return async (call) => {
    const reply = isRead(call) ? read(storage, call) : await write(storage, uploads, call);
    return reply ?? refusal(405, "UNSUPPORTED", `${call.method} of ${call.url.pathname} is not supported`);
  };
}

function isRead({ method }: Call): boolean {
  return method === "GET" || method === "HEAD";
}

function read(storage: MemoryStorage, call: Call): Reply | undefined {
  const { endpoint } = call;
  switch (endpoint.kind) {
    case "base":
      return jsonReply(200, {});
    case "catalog":
      return listRepositories(storage, call);
    case "manifest":
      return getManifest(storage, endpoint.repository, endpoint.reference);
    case "blob":
      return getBlob(storage, endpoint.repository, endpoint.digest, call.headers.range);
    case "referrers":
      return listReferrers(storage, endpoint.repository, endpoint.digest, call);
    case "tags":
      return listTags(storage, endpoint.repository, call);
    case "unknown":
      return refusal(404, "NAME_INVALID", `${call.url.pathname} names nothing in a registry`);
    case "uploads":
    case "upload":
      return undefined;
  }
}

async function write(storage: MemoryStorage, uploads: Uploads, call: Call): Promise<Reply | undefined> {
  const { endpoint, method } = call;
  if (endpoint.kind === "manifest" && method === "PUT") {
    return await putManifest(storage, endpoint.repository, endpoint.reference, call);
  }
  if (endpoint.kind === "uploads" && method === "POST") return uploads.begin(endpoint.repository, call);
  if (endpoint.kind !== "upload") return undefined;
  if (method === "PATCH") return await uploads.append(endpoint.repository, endpoint.id, call);
  if (method === "PUT") return await uploads.finish(endpoint.repository, endpoint.id, call);
  if (method === "DELETE") return uploads.cancel(endpoint.repository, endpoint.id, call);
  return undefined;
}
