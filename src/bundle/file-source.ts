import { quote } from "../errors/index.js";
import { MediumFile } from "./medium-file.js";
import { SpanSource } from "./span-source.js";

/** A file on a disk or a stick. */
export class FileSource extends SpanSource {
  /** @throws SealiftError as {@link MediumFile.open}. */
  static async open(path: string): Promise<FileSource> {
    return FileSource.of(await MediumFile.open(path));
  }

  /** All of a file that is open; it is closed with the source. */
  static of(file: MediumFile): FileSource {
    const { path, size } = file;
    return new FileSource([{ name: quote(path), size, content: { file, offset: 0, length: size }, path }], [file]);
  }
}
