import type { SealiftError } from "../errors/index.js";
import type { Descriptor, Digest, RawManifest } from "../oci/index.js";
import type { ImageSource, Op } from "./image.js";

/** A manifest that is found as one that says something of another. */
export interface FoundReferrer {
  /** Nothing in it is sure, but that this is what was said of it. */
  readonly descriptor: Descriptor;
  /** The tag that makes it one, as cosign gives them; without it, it was listed. */
  readonly tag?: string;
}

/** What is known to refer to a manifest. */
export interface ReferrerListing {
  readonly referrers: readonly FoundReferrer[];
  /** Why there may be more: refusals to say. Registries also refuse to speak of what does not exist. */
  readonly refusals: readonly SealiftError[];
}

/** A source that knows what refers to a manifest: signatures, attestations, SBOMs. */
export interface ReferrerLister {
  /**
   * What refers to `subject`, once each for how it was found; not what refers to that again.
   *
   * @throws SealiftError as `ImageSource.resolve`, but for `NOT_FOUND`.
   */
  referrers(subject: Descriptor, op?: Op): Promise<ReferrerListing>;
}

/** Whether a source is a {@link ReferrerLister}. */
export function isReferrerLister(source: object): source is ReferrerLister {
  return "referrers" in source && typeof source.referrers === "function";
}

/** A destination whose users look for what refers to a manifest. */
export interface ReferrerStore {
  /**
   * Stores manifests by their digests, and sees to it that they are listed as
   * referrers of `subject`, beside what is listed there. All that they refer to
   * must be there. Calls for one subject wait for each other.
   *
   * @throws SealiftError as `ImageDestination.putManifest`.
   */
  putReferrers(subject: Digest, manifests: readonly RawManifest[], op?: Op): Promise<void>;
}

/** Whether a destination is a {@link ReferrerStore}. */
export function isReferrerStore(destination: object): destination is ReferrerStore {
  return "putReferrers" in destination && typeof destination.putReferrers === "function";
}

/** What an {@link ImageSource} and a destination that can be read from have in common. */
export type ManifestReader = Pick<ImageSource, "resolve" | "fetchManifest">;

/** Whether manifests can be read from a destination. */
export function isManifestReader(destination: object): destination is ManifestReader {
  return "resolve" in destination && "fetchManifest" in destination;
}
