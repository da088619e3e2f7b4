/** The first entry of a bundle: the signed index. */
export const BUNDLE_INDEX_PATH = "sealift/bundle.json";

/** The signature of the index, in ASN.1 DER, as `openssl dgst -verify` takes it. */
export const SIGNATURE_PATH = "sealift/bundle.json.sig";

/** The same signature as a Sigstore bundle, as `cosign verify-blob --bundle` takes it. */
export const SIGSTORE_BUNDLE_PATH = "sealift/bundle.json.sigstore.json";

/** Marks an OCI image layout (image-layout.md, "oci-layout file"). */
export const OCI_LAYOUT_PATH = "oci-layout";

/** Names the images for OCI readers (image-layout.md, "index.json file"). */
export const OCI_INDEX_PATH = "index.json";

/** Names the images for readers of `docker save` archives. */
export const DOCKER_MANIFEST_PATH = "manifest.json";

/** The last file of a bundle: an XXH64 for each chunk of each entry. */
export const CHUNK_SUMS_PATH = "sealift/chunks.xxh64";
