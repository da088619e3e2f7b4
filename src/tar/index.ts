export { BLOCK_SIZE, decodeHeader, encodeHeader, END_OF_ARCHIVE_SIZE, headerSize, paddingSize } from "./header.js";
