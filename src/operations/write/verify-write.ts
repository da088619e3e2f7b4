import { type BundleLayout, type DamagedRange, WrittenCheck, type WrittenDamage } from "../../bundle/format/index.js";
import { quote, SealiftError } from "../../errors/index.js";
import type { Digest } from "../../oci/index.js";
import type { EventListener, ReadBack, ReadBackOrigin } from "../../ports/index.js";
import type { Preamble } from "../read/preamble.js";

// A line of an error has room for so many; all others are said before it.
const RANGES_IN_ERROR = 3;

// More warnings help nobody: the medium is bad all over.
const MAX_WARNINGS = 100;

/** Compares a bundle as its medium has it with what was written, and says what is damaged. */
export class WriteVerification implements ReadBack {
  readonly #check: WrittenCheck;
  readonly #onEvent: EventListener;
  #origin: ReadBackOrigin | undefined;

  private constructor(check: WrittenCheck, onEvent: EventListener) {
    this.#check = check;
    this.#onEvent = onEvent;
  }

  /** @param sums - The bytes of the file of chunk sums. */
  static async create(
    layout: BundleLayout,
    preamble: Preamble,
    sums: Uint8Array,
    onEvent: EventListener,
  ): Promise<WriteVerification> {
    const known = new Map([
      [layout.index.path, preamble.index],
      [layout.signature.path, preamble.signature],
      [layout.sigstoreBundle.path, preamble.sigstoreBundle],
      [layout.chunkSums.path, sums],
    ]);
    return new WriteVerification(await WrittenCheck.create(layout, known), onEvent);
  }

  /** Where the bytes came from: `memory` if the system may have given what it remembers. */
  get readFrom(): "medium" | "memory" {
    return this.#origin?.isMedium === true ? "medium" : "memory";
  }

  begin(origin: ReadBackOrigin): void {
    this.#origin = origin;
  }

  take(bytes: Uint8Array): void {
    this.#check.take(bytes);
  }

  lose(length: number): void {
    this.#check.lose(length);
  }

  finish(): void {
    const damage = this.#check.finish();
    if (damage.count === 0) return;
    const texts = damage.ranges.map((range) => this.#describe(range));
    if (texts.length > RANGES_IN_ERROR) {
      for (const text of texts.slice(0, MAX_WARNINGS)) this.#onEvent({ type: "warning", text: `Damaged: ${text}` });
    }
    throw damageError(damage, texts.slice(0, RANGES_IN_ERROR));
  }

  #describe({ position, length, path }: DamagedRange): string {
    const where = this.#origin?.nameRange(position, length) ?? "";
    return `${where} (${path === undefined ? "the end of the tar" : quote(path)})`;
  }
}

function damageError({ count, bytes }: WrittenDamage, texts: readonly string[]): SealiftError {
  const more = count > texts.length ? `, and ${count - texts.length} more` : "";
  const came = `got damage within ${bytes} bytes: ${texts.join(", ")}${more}`;
  return new SealiftError("MEDIUM_FAILED", `expected the medium to hold what was written, ${came}`, {
    hint: "do not use this medium: it loses what is written to it, or has less room than it says",
  });
}

/** Shows how far what was written has been read again: as one blob, which is the bundle. */
export function readProgress(bundle: Digest, onEvent: EventListener): (bytes: number, total: number) => void {
  let done = 0;
  return (bytes, total) => {
    if (done === 0) {
      onEvent({ type: "step", text: "Reading what was written" });
      onEvent({ type: "total", bytes: total, blobs: 1 });
      onEvent({ type: "blob-started", digest: bundle, bytes: total });
    }
    done += bytes;
    onEvent({ type: "blob-progress", digest: bundle, bytes });
    if (done === total) onEvent({ type: "blob-finished", digest: bundle });
  };
}
