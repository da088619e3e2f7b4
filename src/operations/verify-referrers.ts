import { isDeepStrictEqual } from "node:util";
import type { BundleImage, BundleReferrer } from "../bundle/format/index.js";
import { SealiftError } from "../errors/index.js";
import type { Digest } from "../oci/index.js";
import type { ImageGraph } from "./image-graph.js";
import type { MetadataReader } from "./metadata-reader.js";
import { attestationsIn, isAboutSubject, type WalkedReferrer, walkReferrer } from "./referrer-graph.js";

/**
 * Reads what a bundle holds of the referrers of an image, and checks that each is
 * what the index says, about something that the bundle holds.
 *
 * @returns them so that each comes after what it is about.
 * @throws SealiftError `BUNDLE_INVALID`, and as `walkImage`.
 */
export async function walkReferrers(
  { name, referrers = [] }: BundleImage,
  graph: ImageGraph,
  metadata: MetadataReader,
): Promise<readonly WalkedReferrer[]> {
  const attestations = attestationsIn(graph);
  const subjects = new Set<Digest>(graph.manifests.map(({ descriptor }) => descriptor.digest));
  const walked: WalkedReferrer[] = [];
  let waiting = referrers;
  while (waiting.length > 0) {
    const ready = waiting.filter(({ subject }) => subjects.has(subject));
    const [first] = waiting;
    if (ready.length === 0 && first !== undefined) {
      throw invalid(first, `to be about a manifest of ${name}`, `that it is about ${first.subject}`);
    }
    for (const referrer of ready) {
      const listed = attestations.get(referrer.descriptor.digest);
      const found = await walkReferrer(referrer, metadata, listed);
      if (!isAboutSubject(found, listed)) {
        throw invalid(
          referrer,
          `to be about ${referrer.subject}`,
          `${found.statement.subject ?? "nothing"} as its subject`,
        );
      }
      if (!isDeepStrictEqual(found.referrer, referrer)) {
        throw invalid(referrer, "to be described as its manifest says", "something else in the index");
      }
      walked.push(found);
      for (const { descriptor } of found.graph.manifests) subjects.add(descriptor.digest);
    }
    waiting = waiting.filter((referrer) => !ready.includes(referrer));
  }
  return walked;
}

function invalid({ descriptor }: BundleReferrer, expected: string, came: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected referrer ${descriptor.digest} ${expected}, got ${came}`, {
    hint: "do not use this bundle: whoever signed it did not make it with Sealift",
  });
}
