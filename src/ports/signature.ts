/** The public half of a key pair. */
export interface SignatureVerifier {
  /** The SHA-256 of the public key in DER (SubjectPublicKeyInfo), in base64, as cosign names keys. */
  readonly keyId: string;

  /** Whether `signature` was made with this key over exactly `bytes`. Malformed signatures are false, too. */
  verify(bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** Both halves of a key pair. */
export interface Signer extends SignatureVerifier {
  /** The signature of `bytes`: ECDSA P-256 with SHA-256, in ASN.1 DER. */
  sign(bytes: Uint8Array): Uint8Array;
}
