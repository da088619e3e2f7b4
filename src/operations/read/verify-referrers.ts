import { isDeepStrictEqual } from "node:util";
import type { BundleImage, BundleReferrer } from "../../bundle/format/index.js";
import { SealiftError } from "../../errors/index.js";
import type { Descriptor, Digest } from "../../oci/index.js";
import type { ImageGraph } from "../graph/image-graph.js";
import type { MetadataReader } from "../graph/metadata-reader.js";
import { attestationsIn, isAboutSubject, type WalkedReferrer, walkReferrer } from "../graph/referrer-graph.js";

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
  // By what they are about: to look for those that can be read now would take days where there are many.
  const waiting = new Map<Digest, BundleReferrer[]>();
  for (const referrer of referrers) {
    const others = waiting.get(referrer.subject) ?? [];
    others.push(referrer);
    waiting.set(referrer.subject, others);
  }
  const subjects = graph.manifests.map(({ descriptor }) => descriptor.digest);
  const walked: WalkedReferrer[] = [];
  // It grows on the way.
  for (const subject of subjects) {
    const ready = waiting.get(subject) ?? [];
    waiting.delete(subject);
    for (const referrer of ready) {
      const found = await walkStated(referrer, attestations.get(referrer.descriptor.digest), metadata);
      walked.push(found);
      for (const { descriptor } of found.graph.manifests) subjects.push(descriptor.digest);
    }
  }
  const [left] = [...waiting.values()].flat();
  if (left !== undefined) throw invalid(left, `to be about a manifest of ${name}`, `that it is about ${left.subject}`);
  return walked;
}

/** Reads a referrer that must be what the index says of it. */
async function walkStated(
  referrer: BundleReferrer,
  listed: Descriptor | undefined,
  metadata: MetadataReader,
): Promise<WalkedReferrer> {
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
  return found;
}

function invalid({ descriptor }: BundleReferrer, expected: string, came: string): SealiftError {
  return new SealiftError("BUNDLE_INVALID", `expected referrer ${descriptor.digest} ${expected}, got ${came}`, {
    hint: "do not use this bundle: whoever signed it did not make it with Sealift",
  });
}
