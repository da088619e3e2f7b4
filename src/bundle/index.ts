export { BundlePlace, type Volumes } from "./bundle-place.js";
export { FileSource } from "./file-source.js";
export {
  type Medium,
  type OpenMediumOptions,
  openMedium,
  openRandomMedium,
  type RandomMedium,
  type SequentialMedium,
} from "./open-medium.js";
export { PipeSource } from "./pipe-source.js";
export { readDocument } from "./read-document.js";
export { assertNotRead, type ReadBundle } from "./read-files.js";
export { FileSink } from "./sinks/file-sink.js";
export { assertWritable } from "./sinks/file-system.js";
export { InPlaceWriter } from "./sinks/in-place-writer.js";
export { stampOfReplaced } from "./sinks/stamp.js";
export { StreamSink } from "./sinks/stream-sink.js";
export { parseVolumeSize } from "./volume-size.js";
export { parsePartName, type VolumePart } from "./volumes-file.js";
