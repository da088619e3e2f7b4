import { SealiftError } from "../../errors/index.js";
import { formatPlatform, isIndexMediaType, type Platform, platformMatches } from "../../oci/index.js";
import { ALL_CHILDREN, type ChildSelector, type ImageGraph, type IndexChild } from "./image-graph.js";
import { attestedDigest } from "./referrer-graph.js";

/** Which platforms of an image are carried. */
export type PlatformChoice = "all" | readonly Platform[];

/** Selects the children for the chosen platforms, and the attestations that belong to these. */
export function selectPlatforms(choice: PlatformChoice): ChildSelector {
  if (choice === "all") return ALL_CHILDREN;
  return (children) => {
    const chosen = new Set(children.filter((child) => isChosen(child, choice)));
    const digests = new Set<string>([...chosen].map(({ descriptor }) => descriptor.digest));
    return children.filter((child) => {
      const subject = attestedDigest(child.descriptor);
      return chosen.has(child) || (subject !== undefined && digests.has(subject));
    });
  };
}

/**
 * Checks that an image has every platform that was asked for. An artifact, such
 * as a Helm chart, has none, and is carried as it is.
 *
 * @throws SealiftError `PLATFORM_NOT_FOUND`.
 */
export function assertPlatforms(name: string, choice: PlatformChoice, graph: ImageGraph): void {
  const isArtifact = graph.omittedManifests.length === 0 && graph.platformManifests.every(({ platform }) => !platform);
  if (choice === "all" || isArtifact) return;
  const found = graph.platformManifests.flatMap(({ platform }) => platform ?? []);
  const missing = choice.filter((wanted) => !found.some((offered) => platformMatches(wanted, offered)));
  if (missing.length === 0) return;
  const left = graph.omittedManifests.flatMap(({ platform }) => platform ?? []);
  const offered = [...new Set([...found, ...left].map(formatPlatform))].filter((text) => text !== "unknown/unknown");
  throw new SealiftError(
    "PLATFORM_NOT_FOUND",
    `expected ${name} to have ${missing.map(formatPlatform).join(", ")}, got ${offered.join(", ") || "no platform at all"}`,
    { hint: "choose among these with --platform, or carry them all with --platform all" },
  );
}

function isChosen({ descriptor, platform }: IndexChild, choice: readonly Platform[]): boolean {
  if (isIndexMediaType(descriptor.mediaType)) return true;
  return platform !== undefined && choice.some((wanted) => platformMatches(wanted, platform));
}
