import { quote, SealiftError } from "../errors/index.js";
import { type Digest, isDigest } from "./digest.js";

/** A fully qualified image reference: nothing is left to a default. */
export interface Reference {
  /** Host and, if it is not the default, port: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Path of the repository within the registry: `library/nginx`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** The registry that a reference without one means, and the tag that one without tag and digest means. */
const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_TAG = "latest";

// The grammar of https://github.com/distribution/reference/blob/main/reference.go
const HOST_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const REGISTRY = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[A-Fa-f0-9:]+\\])(?::[0-9]{1,5})?$`);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;

// The same file: RepositoryNameTotalLengthMax, which counts the registry too.
const MAX_NAME_LENGTH = 255;

/**
 * Reads an image reference as Docker does: `nginx` is
 * `docker.io/library/nginx:latest`, `user/app` is `docker.io/user/app:latest`,
 * and a first component is a registry if it has a `.` or a `:`, has an upper-case
 * letter, or is `localhost`.
 *
 * A reference with a digest gets no default tag.
 *
 * @throws SealiftError `REFERENCE_INVALID` if the text does not follow the grammar.
 */
export function parseReference(text: string): Reference {
  const { name, tag, digest } = splitReference(text);
  const { registry, repository } = parseName(text, name);
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, `the tag ${quote(tag)} is not one to 128 letters, digits, "_", "." and "-"`);
  }
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(text, `the digest ${quote(digest)} is not sha256: and 64 lower-case hexadecimal digits`);
  }
  if (digest !== undefined) return { registry, repository, ...(tag === undefined ? {} : { tag }), digest };
  return { registry, repository, tag: tag ?? DEFAULT_TAG };
}

/**
 * Reads where images shall go: `REGISTRY` or `REGISTRY/PREFIX`. The first
 * component is always the registry.
 *
 * @throws SealiftError `REFERENCE_INVALID` if the text has another form.
 */
export function parseDestination(text: string): { readonly registry: string; readonly prefix: string } {
  const [registry = "", ...components] = text.replace(/\/$/, "").split("/");
  assertRegistry(text, registry);
  assertPath(text, components);
  return { registry: canonicalRegistry(registry), prefix: components.join("/") };
}

/** The whole reference: `docker.io/library/nginx:1.27@sha256:…`. */
export function formatReference(reference: Reference): string {
  const { tag, digest } = reference;
  return `${formatRepository(reference)}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/** Registry and repository only: `docker.io/library/nginx`. */
export function formatRepository(reference: Reference): string {
  return `${reference.registry}/${reference.repository}`;
}

function splitReference(text: string): { name: string; tag?: string; digest?: string } {
  const at = text.indexOf("@");
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? {} : { digest: text.slice(at + 1) };
  const colon = beforeDigest.lastIndexOf(":");
  if (colon < 0 || colon < beforeDigest.lastIndexOf("/") || colon < beforeDigest.lastIndexOf("]")) {
    return { name: beforeDigest, ...digest };
  }
  return { name: beforeDigest.slice(0, colon), tag: beforeDigest.slice(colon + 1), ...digest };
}

function parseName(text: string, name: string): { registry: string; repository: string } {
  if (name === "") throw invalid(text, "the repository is missing");
  if (IMAGE_ID.test(name)) throw invalid(text, "64 hexadecimal digits are an image ID, which no registry knows");
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const namesRegistry = first !== "" && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const registry = namesRegistry ? canonicalRegistry(first) : DEFAULT_REGISTRY;
  const path = namesRegistry ? name.slice(slash + 1) : name;
  if (namesRegistry) assertRegistry(text, first);
  assertPath(text, path.split("/"));
  const repository = registry === DEFAULT_REGISTRY && !path.includes("/") ? `library/${path}` : path;
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    throw invalid(text, `its name is longer than ${MAX_NAME_LENGTH} characters`);
  }
  return { registry, repository };
}

function assertRegistry(text: string, registry: string): void {
  if (!REGISTRY.test(registry)) {
    const scheme = /^https?:$/.test(registry) ? `; leave "${registry}//" out` : "";
    throw invalid(text, `the registry ${quote(registry)} is not a host with an optional port${scheme}`);
  }
}

function assertPath(text: string, components: readonly string[]): void {
  for (const component of components) {
    if (PATH_COMPONENT.test(component)) continue;
    const why = component === "" ? "a part of the path is empty" : `the path component ${quote(component)} is not lower-case letters and digits with single ".", "_", "__" or "-" between them`;
    throw invalid(text, why);
  }
}

// Docker Hub's older name (reference/normalize.go, legacyDefaultDomain).
function canonicalRegistry(registry: string): string {
  return registry === "index.docker.io" ? DEFAULT_REGISTRY : registry;
}

function invalid(text: string, why: string): SealiftError {
  return new SealiftError("REFERENCE_INVALID", `expected an image reference, got ${quote(text)}: ${why}`, {
    hint: "write it as Docker does: nginx, nginx:1.27, host:5000/team/app:tag, or name@sha256:…",
  });
}
