export { type KeyFiles, readSigner, readVerifier, writeKeyPair } from "./key-files.js";
export { generateKeyPair } from "./key-pair.js";
export { loadSigner } from "./signer.js";
export { sigstoreBundle } from "./sigstore-bundle.js";
export { checkSignature, type TrustPolicy } from "./trust-policy.js";
export { loadTrustedKeys, trustedKeysFolder } from "./trusted-keys.js";
export { loadVerifier } from "./verifier.js";
