import type SemVer from "semver/classes/semver.js";

/** A tag that is a version. */
export interface TagVersion {
  readonly tag: string;
  readonly version: SemVer;
  /** Whether it states a third number. */
  readonly isFull: boolean;
  /** Major, minor and what follows the numbers: full versions with the same one stand behind one that is not full. */
  readonly line: string;
}

// Two or three numbers, as images have them, though https://semver.org wants
// three, and none of them with leading zeros. One number alone is a date, the
// hash of a commit, or another name for the newest of many. What follows a
// fourth number or a "_" is for each repository to know.
const VERSION = /^v?([0-9]{1,15})\.([0-9]{1,15})(?:\.([0-9]{1,15}))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** The tags that are versions. What follows a `-`, such as `rc1` or `alpine`, is what semver calls a pre-release. */
export async function versionsOf(tags: Iterable<string>): Promise<TagVersion[]> {
  const { default: SemVerClass } = await import("semver/classes/semver.js");
  const versions: TagVersion[] = [];
  for (const tag of tags) {
    const [matched, major, minor, patch, suffix] = VERSION.exec(tag) ?? [];
    if (matched === undefined) continue;
    const numbers = [Number(major), Number(minor), Number(patch ?? 0)];
    const text = `${numbers.join(".")}${suffix === undefined ? "" : `-${withoutLeadingZeros(suffix)}`}`;
    const line = `${numbers.slice(0, 2).join(".")}-${suffix ?? ""}`;
    versions.push({ tag, version: new SemVerClass(text), isFull: patch !== undefined, line });
  }
  return versions;
}

/**
 * Leaves out the versions that are other names for the newest of many: `1.27`
 * where there is a `1.27.3`. Where there is none, as with PostgreSQL's `16.2`, it
 * is a version as any other.
 */
export function withoutAliases(versions: readonly TagVersion[]): TagVersion[] {
  const full = new Set(versions.filter(({ isFull }) => isFull).map(({ line }) => line));
  return versions.filter(({ isFull, line }) => isFull || !full.has(line));
}

/** The tags of the `count` highest versions; tags that are one version, as `1.2.0` and `v1.2.0`, count once. */
export function newestOf(versions: readonly TagVersion[], count: number): TagVersion[] {
  const descending = versions.toSorted((a, b) => b.version.compare(a.version));
  let counted = 0;
  let last: SemVer | undefined;
  return descending.filter(({ version }) => {
    if (last?.compare(version) !== 0) counted += 1;
    last = version;
    return counted <= count;
  });
}

/** Tags in the order in which people look for one: first what is no version, by its letters; then versions, the newest last. */
export async function sortTags(tags: Iterable<string>): Promise<string[]> {
  const sorted = [...tags].sort();
  const versions = await versionsOf(sorted);
  const areVersions = new Set(versions.map(({ tag }) => tag));
  return [
    ...sorted.filter((tag) => !areVersions.has(tag)),
    ...versions.sort((a, b) => a.version.compare(b.version)).map(({ tag }) => tag),
  ];
}

function withoutLeadingZeros(suffix: string): string {
  return suffix
    .split(".")
    .map((part) => part.replace(/^0+(?=[0-9]+$)/, ""))
    .join(".");
}
