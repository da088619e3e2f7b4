export { MAX_LIST_SIZE, parseImageList, readImageList } from "./image-list.js";
export { LockFile, type LockOptions, parseImages } from "./lock-file.js";
