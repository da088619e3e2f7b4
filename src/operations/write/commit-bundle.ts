import { digestOf } from "../../oci/index.js";
import { type EventListener, isResumableSink, type Op, type RandomAccessSink } from "../../ports/index.js";
import type { BundlePlan } from "./fill-bundle.js";
import { readProgress, WriteVerification } from "./verify-write.js";

/** How a bundle that was written is finished. */
export interface FinishOptions extends Op {
  /** Called once blobs of other bundles at hand are not needed any more, before the sink's file gets its name. */
  readonly closeLocal?: (() => Promise<void>) | undefined;
  /** Whether what was written is read back from the medium, and compared, before it gets its name. */
  readonly verifyWrite?: boolean | undefined;
  readonly onEvent: EventListener;
}

/** Where what was written was read back from: `memory` where the system does not let the medium itself be read. */
export type ReadBackFrom = "medium" | "memory";

/**
 * Has a bundle that fills its sink reach the medium, and get its name.
 *
 * @param sums - What `fillBundle` gave.
 * @returns where it was read back from; undefined if it was not to be read back.
 * @throws SealiftError as `RandomAccessSink.commit`.
 */
export async function commitBundle(
  { layout, preamble }: Pick<BundlePlan, "layout" | "preamble">,
  sums: Uint8Array,
  sink: RandomAccessSink,
  { closeLocal, verifyWrite, signal, onEvent }: FinishOptions,
): Promise<ReadBackFrom | undefined> {
  signal?.throwIfAborted();
  await closeLocal?.();
  // What has gone into a pipe is on no medium.
  if (isResumableSink(sink)) onEvent({ type: "step", text: "Making the bundle safe on its medium" });
  const check = verifyWrite === true ? await WriteVerification.create(layout, preamble, sums, onEvent) : undefined;
  const onRead = readProgress(digestOf(preamble.index), onEvent);
  await sink.commit({ ...(signal === undefined ? {} : { signal }), check, onRead });
  return check?.readFrom;
}
