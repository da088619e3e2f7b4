import type { EventListener, Op, SequentialSource } from "../ports/index.js";
import type { TrustPolicy } from "../signing/index.js";
import { BundleContent } from "./read/bundle-content.js";
import { BundlePass } from "./read/bundle-pass.js";
import { assertDiffId, layersToUnpack } from "./read/deep-verify.js";
import { describeSignature } from "./read/open-bundle.js";
import { announceTotal } from "./read/verify-entries.js";
import { walkImages } from "./read/walk-images.js";
import { type VerifyResult, verifyResult } from "./verify.js";

/** What verifying a bundle needs that comes through a pipe. */
export interface VerifyStreamOptions extends Op {
  readonly source: SequentialSource;
  readonly trust: TrustPolicy;
  /** Unpack each layer, too, and check its digest against the image's config. */
  readonly deep: boolean;
  readonly onEvent: EventListener;
}

/**
 * Checks the same as `verifyBundle`, in one pass: each header and each digest
 * when it comes. All there is about images comes before their layers.
 *
 * @throws SealiftError as `verifyBundle`; `USAGE` if manifests and configs take
 * more memory than a pass may have; or what the source fails with.
 */
export async function verifyStream(options: VerifyStreamOptions): Promise<VerifyResult> {
  const pass = await BundlePass.open(options.source, options.trust);
  return await pass.namingParts(() => verifyPass(pass, options));
}

async function verifyPass(pass: BundlePass, { onEvent, signal, deep }: VerifyStreamOptions): Promise<VerifyResult> {
  onEvent({ type: "step", text: describeSignature(pass.bundle) });
  const content = new BundleContent(pass.bundle);
  const images = await walkImages(pass.bundle, content, signal);
  await pass.readToLayers();
  const layers = deep ? await layersToUnpack(content, images) : undefined;
  announceTotal(pass.unread(content.verified), onEvent);
  let unpacked = 0;
  for await (const entry of pass.entries(content.verified, onEvent)) {
    const layer = layers?.get(entry.placed.entry.digest);
    if (layer === undefined) continue;
    await assertDiffId(layer, entry.open(), () => entry.finish());
    unpacked += 1;
  }
  await pass.finish();
  return verifyResult(pass.bundle, deep ? unpacked : undefined);
}
