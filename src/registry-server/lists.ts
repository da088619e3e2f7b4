import type { Call } from "./call.js";
import { jsonReply, type Reply, refusal } from "./reply.js";
import type { MemoryStorage } from "./storage.js";

/** Answers tags/list, in parts of `n` tags after `last` if the query asks for it (spec.md, "Listing Tags"). */
export function listTags(storage: MemoryStorage, repository: string, call: Call): Reply {
  if (!storage.repositories().includes(repository)) return refusal(404, "NAME_UNKNOWN", "repository name not known");
  return listNames("tags", storage.tags(repository), call, { name: repository });
}

/** Answers _catalog, in parts likewise (https://distribution.github.io/distribution/spec/api/#catalog). */
export function listRepositories(storage: MemoryStorage, call: Call): Reply {
  return listNames("repositories", storage.repositories(), call);
}

function listNames(member: string, all: readonly string[], { url }: Call, more: object = {}): Reply {
  const last = url.searchParams.get("last") ?? "";
  const after = all.filter((name) => name > last);
  const n = url.searchParams.get("n");
  const names = n === null ? after : after.slice(0, Number.parseInt(n, 10) || 0);
  const isPart = names.length > 0 && names.length < after.length;
  const next = `<${url.pathname}?n=${n}&last=${names.at(-1)}>; rel="next"`;
  return jsonReply(200, { ...more, [member]: names }, isPart ? { link: next } : {});
}
