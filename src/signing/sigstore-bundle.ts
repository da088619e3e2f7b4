import { SealiftError } from "../errors/index.js";
import { type Digest, digestAlgorithm, digestHex } from "../oci/index.js";

/**
 * A Sigstore bundle, version 0.3, around a signature made with a key, for
 * `cosign verify-blob --key KEY.pub --bundle BUNDLE --insecure-ignore-tlog=true FILE`.
 * The bytes are those cosign itself writes: compact JSON, no newline at the end.
 * Source: https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto
 *
 * @param signature - In DER, as a `Signer` makes it.
 * @param digestOfFile - The SHA-256 digest of the bytes that were signed.
 * @param keyId - The `keyId` of the signer.
 */
export function sigstoreBundle(signature: Uint8Array, digestOfFile: Digest, keyId: string): Uint8Array {
  if (digestAlgorithm(digestOfFile) !== "sha256") {
    throw new SealiftError("UNEXPECTED", "a Sigstore bundle for a P-256 key needs a sha256 digest");
  }
  return Buffer.from(
    JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: keyId } },
      messageSignature: {
        messageDigest: {
          algorithm: "SHA2_256",
          digest: Buffer.from(digestHex(digestOfFile), "hex").toString("base64"),
        },
        signature: Buffer.from(signature).toString("base64"),
      },
    }),
  );
}
