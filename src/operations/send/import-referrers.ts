import { isSealiftError, SealiftError } from "../../errors/index.js";
import { type Descriptor, type Digest, formatRepository, parseManifest, type RawManifest } from "../../oci/index.js";
import { type EventListener, isManifestReader, isReferrerStore, type Op } from "../../ports/index.js";
import { aboutReferrers } from "../graph/referrer-error.js";
import { rootOf, type WalkedReferrer } from "../graph/referrer-graph.js";
import type { ImportTarget } from "./import-target.js";

/**
 * Stores what refers to an image, and has it listed by what it is about. The
 * image's own manifests must be stored.
 *
 * @throws SealiftError as `ReferrerStore.putReferrers`.
 */
export async function storeReferrers(target: ImportTarget, op: Op): Promise<void> {
  const { destination } = target.repository;
  const store = isReferrerStore(destination) ? destination : undefined;
  const listed = new Map<Digest, RawManifest[]>();
  await explaining(target, async () => {
    for (const { referrer, graph, statement } of target.referrers) {
      const root = rootOf(graph);
      const isListed = store !== undefined && referrer.tag === undefined && statement.subject === referrer.subject;
      if (isListed) listed.set(referrer.subject, [...(listed.get(referrer.subject) ?? []), root]);
      const others = isListed ? graph.manifests.slice(0, -1) : graph.manifests;
      for (const manifest of others) await destination.putManifest(manifest, undefined, op);
    }
    // A subject comes before what is about it, and so does its list.
    for (const [subject, manifests] of listed) await store?.putReferrers(subject, manifests, op);
  });
}

/**
 * Gives cosign's signatures, attestations and SBOMs of an image their tags. What
 * the far side has added to them stays.
 *
 * @throws SealiftError `DENIED` if the far side has signatures under a tag that
 * would be lost, and as `ImageDestination.putManifest`.
 */
export async function tagReferrers(target: ImportTarget, onEvent: EventListener, op: Op): Promise<void> {
  await explaining(target, async () => {
    for (const referrer of target.referrers) await tagReferrer(target, referrer, onEvent, op);
  });
}

async function tagReferrer(
  { repository: { destination, reference } }: ImportTarget,
  { referrer: { tag }, graph }: WalkedReferrer,
  onEvent: EventListener,
  op: Op,
): Promise<void> {
  if (tag === undefined) return;
  const ours = rootOf(graph);
  const there = await layersAt({ destination, reference }, tag, op);
  if (there !== undefined) {
    const lost = countBeside(there, layersOf(ours));
    // cosign adds to what it finds, and so has whoever signed again on the far side.
    if (lost > 0 && countBeside(layersOf(ours), there) === 0) return;
    const name = `${formatRepository(reference)}:${tag}`;
    if (lost > 0 && tag.endsWith(".sig")) throw lostSignatures(name, lost);
    if (lost > 0) {
      onEvent({ type: "warning", text: `${name} had ${lost} that the bundle has not, and now has the bundle's.` });
    }
  }
  await destination.putManifest(ours, tag, op);
}

/** The layers of what a tag names; undefined if it names nothing. */
async function layersAt(
  { destination, reference }: ImportTarget["repository"],
  tag: string,
  op: Op,
): Promise<readonly Descriptor[] | undefined> {
  if (!isManifestReader(destination)) return undefined;
  try {
    return layersOf(await destination.fetchManifest(await destination.resolve({ ...reference, tag }, op), op));
  } catch (error) {
    // Registries also refuse to speak of what does not exist.
    if (isSealiftError(error, "NOT_FOUND", "DENIED", "UNAUTHORIZED")) return undefined;
    // The bundle is good: what is wrong on the far side stops this image, and no other.
    if (isSealiftError(error) && error.exitCode === 3) throw unreadable(`${formatRepository(reference)}:${tag}`, error);
    throw error;
  }
}

/** How many layers `some` has that `others` has not; a signature is a layer, or an annotation of one. */
function countBeside(some: readonly Descriptor[], others: readonly Descriptor[]): number {
  const known = new Set(others.map(identify));
  return some.filter((layer) => !known.has(identify(layer))).length;
}

function layersOf(manifest: RawManifest): readonly Descriptor[] {
  const parsed = parseManifest(manifest);
  return parsed.kind === "index" ? parsed.manifests : parsed.layers;
}

function identify({ digest, annotations = {} }: Descriptor): string {
  return JSON.stringify([digest, Object.entries(annotations).sort()]);
}

function lostSignatures(name: string, lost: number): SealiftError {
  return new SealiftError(
    "DENIED",
    `expected to replace nothing but the bundle's own signatures at ${name}, got ${lost} others there`,
    {
      hint: "they would be lost: remove that tag if they may be, and sign again on the far side",
    },
  );
}

function unreadable(name: string, cause: SealiftError): SealiftError {
  return new SealiftError("DENIED", `expected signatures of cosign's at ${name}, or nothing: ${cause.message}`, {
    hint: "it would be lost: remove that tag if it may be",
    cause,
  });
}

async function explaining({ routed }: ImportTarget, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    throw aboutReferrers(error, routed.image.name, "export without these: sealift export --no-referrers");
  }
}
