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
const REGISTRY = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[A-Fa-f0-9:]+\\])(?::[0-9]+)?$`);
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const IMAGE_ID = /^[a-f0-9]{64}$/;

// The same file: RepositoryNameTotalLengthMax, which does not count the registry.
const MAX_REPOSITORY_LENGTH = 255;

// No registry's name is longer (RFC 1035 section 2.3.4, and a port), and a regular
// expression over megabytes of text exhausts the stack.
const MAX_REGISTRY_LENGTH = 260;

// The longest repository, registry, tag and sha512 digest with what stands between them.
const MAX_LENGTH = MAX_REGISTRY_LENGTH + MAX_REPOSITORY_LENGTH + 128 + 135 + 3;

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
  if (text.length > MAX_LENGTH) throw invalid(text, `it is longer than ${MAX_LENGTH} characters`);
  if (holdsPassword(text)) throw invalid(text, PASSWORD_FAULT);
  const { name, tag, digest } = splitReference(text);
  const { registry, repository } = parseName(text, name);
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(text, `the digest ${quoteReference(digest)} is not sha256: and 64 lower-case hexadecimal digits`);
  }
  if (tag !== undefined && !TAG.test(tag)) {
    throw invalid(text, `the tag ${quote(tag)} is not one to 128 letters, digits, "_", "." and "-"`);
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
  // What is cut off here is too long for a registry and a path in any case.
  const [registry = "", ...components] = text.slice(0, MAX_LENGTH).replace(/\/$/, "").split("/");
  const prefix = components.join("/");
  const fault =
    (text.includes("@") ? PASSWORD_FAULT : undefined) ??
    registryFault(registry) ??
    (components.length > 0 ? pathFault(prefix) : undefined);
  if (fault !== undefined) {
    throw new SealiftError(
      "REFERENCE_INVALID",
      `expected a registry, or a registry and a path, got ${quoteReference(text)}: ${fault}`,
      {
        hint: "write it like reg.internal:5000 or reg.internal/mirror, without a tag",
      },
    );
  }
  return { registry: canonicalRegistry(registry), prefix };
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

/** Whether `text` may be a tag. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether `text` is a registry as references name it: a host, perhaps with a port. */
export function isRegistry(text: string): boolean {
  return registryFault(text) === undefined && canonicalRegistry(text) === text;
}

/** Whether `text` may be the path of a repository within its registry. */
export function isRepository(text: string): boolean {
  return pathFault(text) === undefined;
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
  if (IMAGE_ID.test(text)) throw invalid(text, "64 hexadecimal digits are an image ID, which no registry knows");
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const namesRegistry = first !== "" && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const registry = namesRegistry ? canonicalRegistry(first) : DEFAULT_REGISTRY;
  const path = namesRegistry ? name.slice(slash + 1) : name;
  const repository = registry === DEFAULT_REGISTRY && !path.includes("/") ? `library/${path}` : path;
  const fault = (namesRegistry ? registryFault(first) : undefined) ?? pathFault(repository);
  if (fault !== undefined) throw invalid(text, fault);
  return { registry, repository };
}

const PASSWORD_FAULT = 'no digest follows its "@", and a user and a password do not belong into it';

/** Whether a reference seems to hold somebody's password: `user:password@host`. */
function holdsPassword(text: string): boolean {
  return /@(?!sha[0-9]+:[a-f0-9]*$)/i.test(text);
}

// What stands before an "@" that no digest follows is somebody's password.
function quoteReference(text: string): string {
  return quote(text.replace(/^.*@(?!sha[0-9]+:[a-f0-9]*$)/is, "…@"));
}

/** What is wrong with a registry, if anything is. */
function registryFault(registry: string): string | undefined {
  if (registry.length > MAX_REGISTRY_LENGTH) return `the registry is longer than ${MAX_REGISTRY_LENGTH} characters`;
  // The grammar also allows what no URL can name: port 99999, [:::], 300.1.1.1.
  if (REGISTRY.test(registry) && URL.canParse(`https://${registry}`)) return undefined;
  const scheme = /^https?:$/.test(registry) ? `; leave "${registry}//" out` : "";
  return `the registry ${quoteReference(registry)} is not a host with an optional port${scheme}`;
}

/** What is wrong with a path within a registry, if anything is; an empty one is wrong. */
function pathFault(path: string): string | undefined {
  if (path.length > MAX_REPOSITORY_LENGTH) return `the repository is longer than ${MAX_REPOSITORY_LENGTH} characters`;
  const component = path.split("/").find((part) => !PATH_COMPONENT.test(part));
  if (component === undefined) return undefined;
  if (component === "") return "a part of the path is empty";
  return `the path component ${quote(component)} is not lower-case letters and digits with single ".", "_", "__" or "-" between them`;
}

// Docker Hub's older name (reference/normalize.go, legacyDefaultDomain).
function canonicalRegistry(registry: string): string {
  return registry === "index.docker.io" ? DEFAULT_REGISTRY : registry;
}

function invalid(text: string, why: string): SealiftError {
  return new SealiftError("REFERENCE_INVALID", `expected an image reference, got ${quoteReference(text)}: ${why}`, {
    hint: "write it as Docker does: nginx, nginx:1.27, host:5000/team/app:tag, or name@sha256:…",
  });
}
