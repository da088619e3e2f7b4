import { type ErrorCode, quote, SealiftError } from "../errors/index.js";

interface Explanation {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint: string;
}

// What the errors of the file system calls mean to a user (errno(3)).
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ENOSPC: { code: "NO_SPACE", what: "no space is left there", hint: "free some room, or choose another medium" },
  EDQUOT: { code: "NO_SPACE", what: "the disk quota is used up", hint: "free some room, or choose another medium" },
  EFBIG: {
    code: "FILE_TOO_LARGE",
    what: "the file system or a limit does not allow files this large",
    hint: "cut the bundle with --volume-size fat32 if the medium is FAT32, which ends at 4 GiB, or format it with exFAT; and check ulimit -f",
  },
  EROFS: {
    code: "MEDIUM_FAILED",
    what: "the medium is read-only",
    hint: "check its write protection and how it is mounted",
  },
  EIO: {
    code: "MEDIUM_FAILED",
    what: "the medium failed",
    hint: "check the cable and the medium: it may be worn out or pulled",
  },
  ENODEV: { code: "MEDIUM_FAILED", what: "the medium is gone", hint: "plug it in again and start over" },
  ENXIO: { code: "MEDIUM_FAILED", what: "the medium is gone", hint: "plug it in again and start over" },
  ESTALE: { code: "MEDIUM_FAILED", what: "the medium is gone", hint: "mount it again and start over" },
  EMFILE: {
    code: "MEDIUM_FAILED",
    what: "this process has too many files open",
    hint: "raise the limit (ulimit -n 4096) and start over, or cut the bundle into fewer, larger parts",
  },
  ENFILE: {
    code: "MEDIUM_FAILED",
    what: "the whole system has too many files open",
    hint: "end other programs, or raise the limit (sysctl fs.file-max), and start over",
  },
  EAGAIN: {
    code: "MEDIUM_FAILED",
    what: "the system has no more to give for now",
    hint: "end other programs, or raise the limit of threads (ulimit -u), and start over",
  },
  ENOENT: { code: "FILE_NOT_FOUND", what: "there is no such file or folder", hint: "check the path" },
  ENOTDIR: { code: "FILE_NOT_FOUND", what: "a part of the path is not a folder", hint: "check the path" },
  ENAMETOOLONG: { code: "CONFIG_INVALID", what: "the name is too long", hint: "choose a shorter name" },
  ERR_FS_EISDIR: { code: "CONFIG_INVALID", what: "it is a folder", hint: "move that folder away" },
  EISDIR: { code: "CONFIG_INVALID", what: "it is a folder", hint: "name a file" },
  EACCES: {
    code: "CONFIG_INVALID",
    what: "permission is denied",
    hint: "check the owner and mode of the file and its folder",
  },
  EPERM: {
    code: "CONFIG_INVALID",
    what: "the operation is not permitted",
    hint: "check the owner and mode of the file and its folder",
  },
};

/** The code that a system call failed with, such as `ENOENT`; undefined for other errors. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

// Node says why a thread cannot start in the text alone: "Worker initialization failure: EMFILE".
const WORKER_FAILURE = /^Worker initialization failure: (E[A-Z]+)$/;

function reasonOf(error: Error): string | undefined {
  const code = errnoOf(error);
  return code === "ERR_WORKER_INIT_FAILED" ? WORKER_FAILURE.exec(error.message)?.[1] : code;
}

/**
 * Turns the error of a file system call, or of the start of a thread, which
 * needs files as well, into one that says what to do.
 *
 * @param doing - What was attempted, for example `write`.
 * @param path - The file it was attempted on.
 */
export function mediumError(error: unknown, doing: string, path: string): unknown {
  if (!(error instanceof Error)) return error;
  const errno = reasonOf(error);
  if (errno === undefined) return error;
  const explanation = EXPLANATIONS[errno];
  if (explanation === undefined) {
    if (!("syscall" in error)) return error;
    return new SealiftError("MEDIUM_FAILED", `expected to ${doing} ${quote(path)}, got ${errno}`, {
      hint: "check the medium, its cable, and whether it is still mounted",
      cause: error,
    });
  }
  const { code, what, hint } = explanation;
  return new SealiftError(code, `expected to ${doing} ${quote(path)}, but ${what} (${errno})`, {
    hint,
    cause: error,
  });
}

/**
 * Says why a worker thread could not start; an error that came later stays what
 * it is.
 *
 * @param file - The thread's script.
 */
export function threadError(error: unknown, file: string): Error {
  return mediumError(error, "start the thread", file) as Error;
}
