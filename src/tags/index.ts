export { anyTag, isTagPattern, MAX_MATCHES, parseImage, type TagPattern } from "./image.js";
export { type TagSelector, tagSelector } from "./selector.js";
