export {
  aboutCredentials,
  basicAuthorization,
  type CredentialLookup,
  type Credentials,
  secretsIn,
  type UserPassword,
} from "./credentials.js";
export { eraseLogin, type LoginPlace, storeLogin } from "./login-place.js";
export { type CredentialSources, findCredentials } from "./lookup.js";
