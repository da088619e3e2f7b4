/** How the one kind of key that Sealift uses is called in errors. */
export const P256 = "an ECDSA P-256 key";

// Object identifiers in DER, with tag and length: RFC 5480 section 2, RFC 3279
// section 2.3.1, RFC 8410 section 3, SEC 2. Curves come before the identifier
// of elliptic-curve keys as such, since both stand in a key.
const KIND_BY_OID: readonly (readonly [oid: string, kind: string])[] = [
  ["06082a8648ce3d030107", P256],
  ["06052b81040022", "an ECDSA P-384 key"],
  ["06052b81040023", "an ECDSA P-521 key"],
  ["06052b8104000a", "a secp256k1 key"],
  ["06072a8648ce3d0201", "an elliptic-curve key of another curve"],
  ["06092a864886f70d010101", "an RSA key"],
  ["06032b6570", "an Ed25519 key"],
];

// The algorithm identifier stands at the start of SubjectPublicKeyInfo and PKCS#8
// alike, and ends before this offset for every kind above.
const SEARCHED_PREFIX = 40;

/**
 * What kind of key `der`, a SubjectPublicKeyInfo or PKCS#8 structure, claims to be.
 *
 * This is read from the bytes because Node 20 aborts the process when it is asked
 * for the details of some malformed elliptic-curve keys (a point at infinity).
 */
export function keyKindOf(der: Uint8Array): string {
  const prefix = Buffer.from(der.subarray(0, SEARCHED_PREFIX));
  const found = KIND_BY_OID.find(([oid]) => prefix.includes(Buffer.from(oid, "hex")));
  prefix.fill(0);
  return found?.[1] ?? "another kind of key";
}
