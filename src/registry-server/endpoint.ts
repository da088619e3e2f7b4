/** What a path of the distribution specification names (spec.md, "Endpoints"). */
export type Endpoint =
  | { readonly kind: "base" }
  /** Distribution's list of repositories, which the specification does not know. */
  | { readonly kind: "catalog" }
  | { readonly kind: "manifest"; readonly repository: string; readonly reference: string }
  | { readonly kind: "blob"; readonly repository: string; readonly digest: string }
  | { readonly kind: "uploads"; readonly repository: string }
  | { readonly kind: "upload"; readonly repository: string; readonly id: string }
  | { readonly kind: "referrers"; readonly repository: string; readonly digest: string }
  | { readonly kind: "tags"; readonly repository: string }
  | { readonly kind: "unknown" };

// <name> of the distribution specification (spec.md, "Pulling manifests").
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const PATH = new RegExp(
  `^/v2/(${COMPONENT}(?:/${COMPONENT})*)/(manifests|blobs|blobs/uploads|referrers|tags)/([^/]*)$`,
);

/** Reads the path of a request. */
export function parseEndpoint(path: string): Endpoint {
  if (path === "/v2/" || path === "/v2") return { kind: "base" };
  if (path === "/v2/_catalog") return { kind: "catalog" };
  const [, repository = "", noun, last = ""] = PATH.exec(path.replaceAll("%3A", ":")) ?? [];
  if (noun === "manifests" && last !== "") return { kind: "manifest", repository, reference: last };
  if (noun === "blobs/uploads" && last !== "") return { kind: "upload", repository, id: last };
  if (noun === "blobs/uploads" || (noun === "blobs" && last === "uploads")) return { kind: "uploads", repository };
  if (noun === "blobs" && last !== "") return { kind: "blob", repository, digest: last };
  if (noun === "referrers" && last !== "") return { kind: "referrers", repository, digest: last };
  if (noun === "tags" && last === "list") return { kind: "tags", repository };
  return { kind: "unknown" };
}
