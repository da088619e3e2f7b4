export {
  aboutCredentials,
  basicAuthorization,
  type CredentialLookup,
  type Credentials,
  secretsIn,
  type UserPassword,
} from "./credentials.js";
export { type CredentialSources, findCredentials } from "./lookup.js";
export { eraseLogin, type LoginPlace, storeLogin } from "./login-place.js";
