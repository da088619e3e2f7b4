export { RegistryClient, type RegistryClientOptions } from "./client.js";
export {
  type CredentialLookup,
  type CredentialSources,
  type Credentials,
  eraseLogin,
  findCredentials,
  type LoginPlace,
  storeLogin,
  type UserPassword,
} from "./credentials/index.js";
export type { PullQuota, QuotaPolicy } from "./quota.js";
export type { RegistryRepository } from "./repository.js";
