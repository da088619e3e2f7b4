import { describe, expect, test } from "vitest";
import { type ErrorCode, exitCodeOf } from "../../src/errors/index.js";

// The public contract: a code that moves to another exit code breaks somebody's script.
const CONTRACT: Record<ErrorCode, number> = {
  UNEXPECTED: 1,
  USAGE: 2,
  REFERENCE_INVALID: 2,
  CONFIG_INVALID: 2,
  KEY_INVALID: 2,
  PASSWORD_WRONG: 2,
  FILE_EXISTS: 2,
  FILE_NOT_FOUND: 2,
  KEY_MISSING: 3,
  SIGNATURE_INVALID: 3,
  DIGEST_MISMATCH: 3,
  SIZE_MISMATCH: 3,
  BUNDLE_INVALID: 3,
  MANIFEST_INVALID: 3,
  NOT_FOUND: 4,
  UNAUTHORIZED: 4,
  DENIED: 4,
  PULL_LIMIT: 4,
  UNREACHABLE: 4,
  REGISTRY_FAILED: 4,
  REGISTRY_PROTOCOL: 4,
  UNSUPPORTED_MANIFEST: 4,
  PLATFORM_NOT_FOUND: 4,
  PARTIAL: 5,
  LOCKED: 6,
  NO_SPACE: 7,
  FILE_TOO_LARGE: 7,
  MEDIUM_FAILED: 7,
  VOLUME_MISSING: 7,
  INTERRUPTED: 130,
};

describe("exit codes", () => {
  test.each(Object.entries(CONTRACT))("%s ends a process with %i", (code, exitCode) => {
    expect(exitCodeOf(code as ErrorCode)).toBe(exitCode);
  });
});
