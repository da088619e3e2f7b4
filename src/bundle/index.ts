export { BundlePlace, type Volumes } from "./bundle-place.js";
export { FileSink } from "./sinks/file-sink.js";
export { FileSource } from "./file-source.js";
export { InPlaceWriter } from "./sinks/in-place-writer.js";
export { PipeSource } from "./pipe-source.js";
export { assertWritable } from "./sinks/file-system.js";
export { stampOfReplaced } from "./sinks/stamp.js";
export { parseVolumeSize } from "./volume-size.js";
export { parsePartName, type VolumePart } from "./volumes-file.js";
export {
  type Medium,
  openMedium,
  type OpenMediumOptions,
  openRandomMedium,
  type RandomMedium,
  type SequentialMedium,
} from "./open-medium.js";
export { readDocument } from "./read-document.js";
export { StreamSink } from "./sinks/stream-sink.js";
export { assertNotRead, type ReadBundle } from "./read-files.js";
