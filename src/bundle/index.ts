export { FileSink, stampOf } from "./file-sink.js";
export { FileSource } from "./file-source.js";
