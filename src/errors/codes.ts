/**
 * Every error code with the exit code a process ends with. Both are part of
 * the public contract (docs/exit-codes.md): a code is never renamed or moved
 * to another exit code within a major version.
 */
const EXIT_CODE_BY_ERROR_CODE = {
  /** A defect in Sealift itself, or something no other code names. */
  UNEXPECTED: 1,

  /** The command line asks for something that does not exist or make sense. */
  USAGE: 2,
  /** An image reference does not follow the reference grammar. */
  REFERENCE_INVALID: 2,
  /** A configuration file, or a file that was named, cannot be read or used. */
  CONFIG_INVALID: 2,
  /** A key file is not a key of a kind Sealift uses. */
  KEY_INVALID: 2,
  /** The password does not open the private key. */
  PASSWORD_WRONG: 2,
  /** A file is in the way, and replacing it could lose data. */
  FILE_EXISTS: 2,
  /** A file that was named is not there. */
  FILE_NOT_FOUND: 2,

  /** No trusted key was given, so the signature cannot be judged. */
  KEY_MISSING: 3,
  /** The signature was not made by a trusted key over these bytes. */
  SIGNATURE_INVALID: 3,
  /** Bytes do not have the digest that was promised. */
  DIGEST_MISMATCH: 3,
  /** More or fewer bytes arrived than were promised. */
  SIZE_MISMATCH: 3,
  /** The bundle's form is not the one its signed index determines. */
  BUNDLE_INVALID: 3,
  /** A manifest, index or config is not what the OCI specification allows. */
  MANIFEST_INVALID: 3,

  /** The registry does not have the image, manifest or blob. */
  NOT_FOUND: 4,
  /** The registry wants credentials, or refuses those it got. */
  UNAUTHORIZED: 4,
  /** The registry refuses the request for a reason of its own, or this machine's configuration blocks it. */
  DENIED: 4,
  /** The registry counts pulls, and lets no more pass for some hours, or none below `--min-quota`. */
  PULL_LIMIT: 4,
  /** The registry cannot be reached, or broke the connection. */
  UNREACHABLE: 4,
  /** The registry failed (HTTP 5xx), and went on failing. */
  REGISTRY_FAILED: 4,
  /** The registry answered with something the protocol does not allow. */
  REGISTRY_PROTOCOL: 4,
  /** The registry's manifest is of a kind Sealift does not carry. */
  UNSUPPORTED_MANIFEST: 4,
  /** The image does not exist for a platform that was asked for. */
  PLATFORM_NOT_FOUND: 4,

  /** The run finished, and some images failed. */
  PARTIAL: 5,

  /** Another run holds the lock. */
  LOCKED: 6,

  /** The medium has not enough room. */
  NO_SPACE: 7,
  /** The medium's file system cannot hold a file of this size. */
  FILE_TOO_LARGE: 7,
  /** The medium failed to read or write. */
  MEDIUM_FAILED: 7,
  /** A part of a bundle that was cut into several files is not where it was looked for. */
  VOLUME_MISSING: 7,

  /** The user or the system asked Sealift to stop. */
  INTERRUPTED: 130,
} as const;

/** A stable name for what went wrong. */
export type ErrorCode = keyof typeof EXIT_CODE_BY_ERROR_CODE;

/** The exit codes of the `sealift` command; 0 is success. */
export type ExitCode = 0 | (typeof EXIT_CODE_BY_ERROR_CODE)[ErrorCode];

/** The exit code a process ends with when it fails with `code`. */
export function exitCodeOf(code: ErrorCode): ExitCode {
  return EXIT_CODE_BY_ERROR_CODE[code];
}
