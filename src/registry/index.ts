export { RegistryClient, type RegistryClientOptions } from "./client.js";
export { type CredentialLookup, dockerCredentials } from "./credentials.js";
export type { RegistryRepository } from "./repository.js";
