export type { PullLimit } from "./limit-quirks.js";
export type { PushRefusal } from "./push-quirks.js";
export type { Quirks } from "./quirks.js";
export { type RegistryServer, startRegistry } from "./server.js";
export type { MemoryStorage } from "./storage.js";
