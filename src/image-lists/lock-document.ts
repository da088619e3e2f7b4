import * as z from "zod";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import {
  type Digest,
  digestSchema,
  formatReference,
  isTag,
  listOf,
  objectOf,
  parseJson,
  parseReference,
  type Reference,
} from "../oci/index.js";
import type { ImageLock } from "../ports/index.js";
import { isTagPattern, MAX_MATCHES, parseImage, type TagPattern } from "../tags/index.js";

const LOCK_VERSION = 1;

const versionSchema = z.object({ lockVersion: z.unknown() });

const tagSchema = z.string().refine(isTag, "expected a tag");

const lockSchema = objectOf({
  lockVersion: z.literal(LOCK_VERSION),
  images: z.record(z.string(), digestSchema),
  patterns: z.record(
    z.string(),
    listOf(tagSchema).refine(({ length }) => length <= MAX_MATCHES, "too many tags"),
  ),
});

/** What a lock file says: what tags and patterns meant when they were first asked for. */
export class LockDocument implements ImageLock {
  readonly #images: Map<string, Digest>;
  readonly #patterns: Map<string, readonly string[]>;

  private constructor(images: Iterable<[string, Digest]>, patterns: Iterable<[string, readonly string[]]>) {
    this.#images = new Map(images);
    this.#patterns = new Map(patterns);
  }

  /** A lock that holds nothing yet. */
  static empty(): LockDocument {
    return new LockDocument([], []);
  }

  /**
   * Reads a lock file.
   *
   * @param path - Names it in the error.
   * @throws SealiftError `CONFIG_INVALID` if it is none, or of another version.
   */
  static parse(bytes: Uint8Array, path: string): LockDocument {
    const what = `lock file ${quote(path)}`;
    const { lockVersion } = parsePart(bytes, versionSchema, what);
    if (typeof lockVersion === "number" && lockVersion !== LOCK_VERSION) {
      throw new SealiftError(
        "CONFIG_INVALID",
        `expected ${what} to be of version ${LOCK_VERSION}, got ${lockVersion}`,
        {
          hint: "use the Sealift that wrote it, or delete it to have all tags looked up again",
        },
      );
    }
    const { images, patterns } = parsePart(bytes, lockSchema, what);
    const names = { images: Object.keys(images), patterns: Object.keys(patterns) };
    const bad = names.images.find((name) => !isImageName(name)) ?? names.patterns.find((name) => !isPatternName(name));
    if (bad === undefined) return new LockDocument(Object.entries(images), Object.entries(patterns));
    throw new SealiftError("CONFIG_INVALID", `expected ${what} to have whole names, got ${quote(bad)}`, {
      hint: "write it with its registry and its tag, like docker.io/library/nginx:1.27, or delete the entry",
    });
  }

  digestOf(name: string): Digest | undefined {
    return this.#images.get(name);
  }

  tagsOf(pattern: string): readonly string[] | undefined {
    return this.#patterns.get(pattern);
  }

  lockImage(name: string, digest: Digest): void {
    this.#images.set(name, digest);
  }

  lockTags(pattern: string, tags: readonly string[]): void {
    this.#patterns.set(pattern, tags);
  }

  /** The names of all that a registry would have to be asked for: what each of `images` is, or stands for. */
  missing(images: readonly (Reference | TagPattern)[]): string[] {
    const missing = images.flatMap((image) => {
      if (!isTagPattern(image)) return image.digest === undefined && !this.#has(image) ? formatReference(image) : [];
      const tags = this.tagsOf(image.name);
      if (tags === undefined) return image.name;
      const { registry, repository } = image;
      return tags
        .map((tag) => ({ registry, repository, tag }))
        .filter((tagged) => !this.#has(tagged))
        .map(formatReference);
    });
    return [...new Set(missing)];
  }

  /** The bytes of the lock file: the same lock always has the same. */
  encode(): Buffer {
    const patterns = [...this.#patterns].map(([name, tags]) => [name, [...tags].sort()] as const);
    const lock = { lockVersion: LOCK_VERSION, images: sorted(this.#images), patterns: sorted(patterns) };
    return Buffer.from(`${JSON.stringify(lock, null, 2)}\n`);
  }

  #has(image: Reference): boolean {
    return this.#images.has(formatReference(image));
  }
}

/** As `parseJson`, with a hint: what is no lock may be any file, and must not be lost for a wrong name. */
function parsePart<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string): T {
  try {
    return parseJson(bytes, schema, what, "CONFIG_INVALID");
  } catch (error) {
    if (!isSealiftError(error) || error.hint !== undefined) throw error;
    const hint = "name another file; or, if this was a lock file, mend it, or delete it to have a new one made";
    throw new SealiftError(error.code, error.message, { hint, cause: error.cause });
  }
}

function isImageName(name: string): boolean {
  return holds(() => {
    const reference = parseReference(name);
    return reference.digest === undefined && formatReference(reference) === name;
  });
}

function isPatternName(name: string): boolean {
  return holds(() => {
    const image = parseImage(name);
    return isTagPattern(image) && image.name === name;
  });
}

function holds(condition: () => boolean): boolean {
  try {
    return condition();
  } catch {
    return false;
  }
}

function sorted<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  // By code unit, so that no locale changes the order.
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
