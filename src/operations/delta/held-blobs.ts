import {
  type BaseBundle,
  type BundleIdentity,
  type BundleImage,
  type BundleIndex,
  type DeltaBase,
  type Inventory,
  parseBundleIndex,
  parseInventory,
} from "../../bundle/format/index.js";
import { isSealiftError, SealiftError } from "../../errors/index.js";
import { type Descriptor, type Digest, digestOf, parseReference } from "../../oci/index.js";
import type { RandomAccessSource } from "../../ports/index.js";
import type { TrustPolicy } from "../../signing/index.js";
import { graphsOf } from "../graph/referrer-graph.js";
import { BundleContent } from "../read/bundle-content.js";
import { openBundle } from "../read/open-bundle.js";

/** What the far side is said to have. */
export interface HeldBlobs {
  readonly base: DeltaBase;
  /**
   * The repositories that have a blob of this digest and size, as
   * `LeftOutBlob.repository` states them; none if it is not known to be there.
   *
   * @param wanted - The repositories that need it: where not all that may have it
   * are given, these are among them.
   */
  repositoriesOf(blob: Descriptor, wanted: readonly string[]): readonly string[];
}

/**
 * What the far side has once it has imported a bundle: all that its images
 * consist of, be it in the bundle or left out of it.
 *
 * @param what - Names the bundle in errors.
 * @throws SealiftError as `openBundle` and `BundleContent.walk`.
 */
export async function heldByBundle(source: RandomAccessSource, trust: TrustPolicy, what: string): Promise<HeldBlobs> {
  try {
    const bundle = await openBundle(source, trust);
    const { index, indexDigest } = bundle;
    const content = new BundleContent(bundle);
    const held = new Ledger();
    for (const image of index.images) {
      const repository = repositoryOf(image);
      for (const { blobs } of graphsOf(await content.walk(image))) for (const blob of blobs) held.add(blob, repository);
    }
    return { base: baseOf(index.identity, indexDigest), repositoriesOf: (blob) => held.get(blob) };
  } catch (error) {
    throw namingError(error, what);
  }
}

/**
 * The same of a bundle of which only the index is at hand. Which image needs
 * which blob is written in manifests, which are not: a blob is taken to be where
 * an image of the same repository comes again, and import is told of all others.
 *
 * Nobody's signature is over these bytes. A forged index makes a delta that import
 * refuses, since it asks the registry for each blob that is left out.
 *
 * @param what - Names the file in errors.
 * @throws SealiftError `BUNDLE_INVALID`.
 */
function heldByIndex(bytes: Uint8Array, what: string): HeldBlobs {
  const index = indexOf(bytes, what);
  const repositories = [...new Set(index.images.map(repositoryOf))].sort();
  const known = new Set(repositories);
  const sizes = new Map(index.entries.map(({ digest, size }) => [digest, size]));
  return {
    base: { ...baseOf(index.identity, digestOf(bytes)), repositories },
    repositoriesOf: ({ digest, size }, wanted) => {
      if (sizes.get(digest) !== size) return NOWHERE;
      const likely = wanted.filter((repository) => known.has(repository));
      return likely.length > 0 ? likely : repositories.slice(0, 1);
    },
  };
}

/**
 * What an inventory says that a registry has.
 *
 * @param what - Names the file in errors.
 * @throws SealiftError `CONFIG_INVALID`.
 */
function heldByInventory(bytes: Uint8Array, what: string): HeldBlobs {
  const { registry, created, repositories }: Inventory = parseInventory(bytes, what);
  const held = new Ledger();
  for (const { name, blobs } of repositories) for (const blob of blobs) held.add(blob, name);
  return {
    base: { kind: "inventory", registry, created, digest: digestOf(bytes) },
    repositoriesOf: (blob) => held.get(blob),
  };
}

/**
 * What a small file says that the far side has: the signed index of a bundle, or
 * an inventory. Which it is follows from what it holds.
 *
 * @param what - Names the file in errors.
 * @throws SealiftError `CONFIG_INVALID` if it is neither; as {@link heldByIndex}.
 */
export function heldByDocument(bytes: Uint8Array, what: string): HeldBlobs {
  const kind = kindOf(bytes);
  if (kind === "index") return heldByIndex(bytes, what);
  if (kind === "inventory") return heldByInventory(bytes, what);
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected ${what} to be a bundle, the signed index of one, or an inventory, got something else`,
    { hint: "name a bundle, what `tar -xOf BUNDLE sealift/bundle.json` gives, or what sealift inventory wrote" },
  );
}

function indexOf(bytes: Uint8Array, what: string): BundleIndex {
  try {
    return parseBundleIndex(bytes);
  } catch (error) {
    throw namingError(error, what);
  }
}

// Of several files, the user must know which one is meant. What its medium fails with names it already.
function namingError(error: unknown, what: string): unknown {
  if (!isSealiftError(error) || error.exitCode !== 3) return error;
  const { code, message, cause } = error;
  const hint = code === "SIGNATURE_INVALID" ? STRANGERS_HINT : error.hint;
  return new SealiftError(code, `${what}: ${message}`, { ...(hint === undefined ? {} : { hint }), cause });
}

const STRANGERS_HINT =
  "a bundle that an export relies on must be signed with the same key, or with one in the folder of trusted keys";

// Both begin with the version; then comes the first member that only one of them has.
function kindOf(bytes: Uint8Array): "index" | "inventory" | undefined {
  const text = Buffer.from(bytes.subarray(0, 200)).toString("latin1");
  const [, member] = /^\s*\{[^{]*?"(identity|registry)"\s*:/.exec(text) ?? [];
  if (member === "identity") return "index";
  return member === "registry" ? "inventory" : undefined;
}

function repositoryOf({ name }: BundleImage): string {
  return parseReference(name).repository;
}

function baseOf({ stream, serial, created }: BundleIdentity, indexDigest: Digest): BaseBundle {
  return { kind: "bundle", stream, serial, created, indexDigest };
}

const NOWHERE: readonly string[] = [];

/** Which repositories have which blobs. */
class Ledger {
  readonly #held = new Map<Digest, { readonly size: number; readonly repositories: string[] }>();

  add({ digest, size }: Pick<Descriptor, "digest" | "size">, repository: string): void {
    const held = this.#held.get(digest) ?? { size, repositories: [] };
    this.#held.set(digest, held);
    // Repositories come one after the other.
    if (held.size === size && held.repositories.at(-1) !== repository) held.repositories.push(repository);
  }

  get({ digest, size }: Descriptor): readonly string[] {
    const held = this.#held.get(digest);
    return held?.size === size ? held.repositories : NOWHERE;
  }
}
