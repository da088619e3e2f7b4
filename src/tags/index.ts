export { type TagSelector, tagSelector } from "./selector.js";
export { anyTag, isTagPattern, MAX_MATCHES, parseImage, type TagPattern } from "./tag-pattern.js";
