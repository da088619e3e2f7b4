export { BLOCK_SIZE, decodeHeader, END_OF_ARCHIVE_SIZE, encodeHeader, headerSize, paddingSize } from "./header.js";
