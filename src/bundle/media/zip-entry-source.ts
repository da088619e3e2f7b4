import { SpanSource } from "../span-source.js";
import { type FoundFile, openFound } from "./found-file.js";

/** A bundle in a ZIP that is stored, not packed: it is read in place. */
export class ZipEntrySource extends SpanSource {
  /** @throws SealiftError `MEDIUM_FAILED`, `CONFIG_INVALID`, `BUNDLE_INVALID`. */
  static async open(found: FoundFile): Promise<ZipEntrySource> {
    const file = await openFound(found);
    const { label, size, offset } = found;
    return new ZipEntrySource(
      [{ name: label, size, content: { file, offset, length: size }, path: undefined }],
      [file],
    );
  }
}
