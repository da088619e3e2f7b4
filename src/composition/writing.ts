import type { Volumes } from "../bundle/index.js";
import { isSealiftError, quote, SealiftError } from "../errors/index.js";
import { isResumableSink, type RandomAccessSink } from "../ports/index.js";

/** Where and how a bundle is written. */
export interface OutputOptions {
  /** The bundle's path. A bundle that is there is replaced once the new one is whole. */
  readonly output: string;
  /**
   * The size in bytes of the parts that the bundle is cut into, `OUTPUT.001` and
   * on, with a volumes file and sums beside them; by default, it is one file.
   */
  readonly volumeSize?: number;
  /** Whether what was written is read back from the medium, and compared, before it gets its name. */
  readonly verifyWrite?: boolean;
}

/** How a bundle was written. */
export interface WrittenBundle {
  /** The parts that it was cut into, with their names, sizes and sums; undefined if it is one file. */
  readonly volumes: Volumes | undefined;
  /**
   * Whether all of it has reached the medium, names included, so that it can be
   * pulled. Not all systems tell.
   */
  readonly safeToRemove: boolean;
}

/**
 * Runs what writes a bundle. If it fails, and the sink that it opened keeps
 * something for the next run, the error says how to go on with that.
 */
export async function sayingHowToGoOn<T>(
  run: (opened: <S extends RandomAccessSink>(sink: S) => S) => Promise<T>,
): Promise<T> {
  let sink: RandomAccessSink | undefined;
  try {
    return await run((opened) => {
      sink = opened;
      return opened;
    });
  } catch (error) {
    const kept = sink !== undefined && isResumableSink(sink) ? sink.kept : undefined;
    if (kept === undefined || !isSealiftError(error)) throw error;
    const { code, message, cause } = error;
    const goOn = `what has come is kept in ${quote(kept)}: run the same command again to go on with it`;
    const hint = error.hint === undefined || code === "INTERRUPTED" ? goOn : `${error.hint}; ${goOn}`;
    throw new SealiftError(code, message, { hint, cause });
  }
}
