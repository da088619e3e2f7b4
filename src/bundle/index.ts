export { FileSink, stampOfReplaced } from "./file-sink.js";
export { FileSource } from "./file-source.js";
