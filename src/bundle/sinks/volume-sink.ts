import { SealiftError } from "../../errors/index.js";
import { MAX_PARTS } from "../volumes-file.js";
import { FileSink } from "./file-sink.js";
import { assertFileSize } from "./file-system.js";
import type { PartialBundle, PartialBundleMaker } from "./partial-bundle.js";
import { partialPathOf } from "./partial-file.js";
import { PartialVolumes, pathOfPart, type VolumeOptions } from "./partial-volumes.js";
import { removeLeftParts } from "./replaced-volumes.js";

/**
 * A sink that cuts what is written to it into parts, `NAME.001` and on, with a
 * volumes file and a file for sha256sum beside them. It is resumed as a
 * {@link FileSink} is, if it is cut the same way.
 *
 * @throws SealiftError `MEDIUM_FAILED`.
 */
export async function createVolumeSink(options: VolumeOptions): Promise<FileSink> {
  const first = pathOfPart(options.path, 0);
  return await FileSink.create(first, undefined, options.fileSystem, new VolumesMaker(options));
}

class VolumesMaker implements PartialBundleMaker {
  readonly #options: VolumeOptions;

  constructor(options: VolumeOptions) {
    this.#options = options;
  }

  assertFits(size: number): void {
    const { path, partSize, fileSystem } = this.#options;
    const count = Math.ceil(size / partSize);
    if (count > MAX_PARTS) {
      const came = `got ${count} parts of ${partSize} bytes for a bundle of ${size}`;
      throw new SealiftError("USAGE", `expected at most ${MAX_PARTS} parts, ${came}`, {
        hint: "choose a larger --volume-size",
      });
    }
    assertFileSize(path, Math.min(partSize, size), fileSystem);
  }

  async begin(): Promise<PartialBundle> {
    await removeLeftParts(this.#options.path);
    const volumes = new PartialVolumes(this.#options, partialPathOf(""));
    await volumes.beginFirst();
    return volumes;
  }

  async find(partialPath: string): Promise<PartialBundle | undefined> {
    const suffix = partialPath.slice(pathOfPart(this.#options.path, 0).length);
    const volumes = new PartialVolumes(this.#options, suffix);
    if (await volumes.find()) return volumes;
    await volumes.keep();
    return undefined;
  }
}
