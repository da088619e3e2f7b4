import { open } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { type ErrorCode, SealiftError } from "../../src/errors/index.js";
import { mediumError } from "../../src/io/index.js";
import { failureOf } from "../support/errors.js";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: from the system`), { code, syscall: "write", errno: -1 });
}

const MEANINGS: readonly (readonly [string, ErrorCode, RegExp])[] = [
  ["ENOSPC", "NO_SPACE", /no space is left/],
  ["EDQUOT", "NO_SPACE", /quota/],
  ["EFBIG", "FILE_TOO_LARGE", /files this large/],
  ["EROFS", "MEDIUM_FAILED", /read-only/],
  ["EIO", "MEDIUM_FAILED", /failed/],
  ["ENODEV", "MEDIUM_FAILED", /gone/],
  ["ENXIO", "MEDIUM_FAILED", /gone/],
  ["ESTALE", "MEDIUM_FAILED", /gone/],
  ["EMFILE", "MEDIUM_FAILED", /process has too many files open/],
  ["ENFILE", "MEDIUM_FAILED", /system has too many files open/],
  ["EAGAIN", "MEDIUM_FAILED", /no more to give/],
  ["ENOENT", "FILE_NOT_FOUND", /no such file/],
  ["ENOTDIR", "FILE_NOT_FOUND", /not a folder/],
  ["EISDIR", "CONFIG_INVALID", /a folder/],
  ["EACCES", "CONFIG_INVALID", /permission/],
  ["EPERM", "CONFIG_INVALID", /not permitted/],
];

describe("the error of a file system call", () => {
  test.each(MEANINGS)("%s is %s, and says what to do", (errno, code, what) => {
    const cause = systemError(errno);
    const error = mediumError(cause, "write", "/mnt/stick/b.tar") as SealiftError;

    expect(error).toBeInstanceOf(SealiftError);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^expected to write "\/mnt\/stick\/b\.tar", but /);
    expect(error.message).toMatch(what);
    expect(error.message).toContain(`(${errno})`);
    expect(error.hint).toMatch(/\w/);
    expect(error.cause).toBe(cause);
  });

  test.each(["EBUSY", "Unknown system error -123", "EEXIST"])(
    "%s, which is not explained, is the medium's",
    (errno) => {
      expect(mediumError(systemError(errno), "write", "b.tar")).toMatchObject({
        code: "MEDIUM_FAILED",
        message: `expected to write "b.tar", got ${errno}`,
      });
    },
  );

  test("that ran out of file descriptors says to raise the limit, not to check the cable", () => {
    const { hint } = mediumError(systemError("EMFILE"), "open", "b.tar.090") as SealiftError;
    expect(hint).toMatch(/ulimit -n .* larger parts/);
    expect(hint).not.toContain("cable");
  });

  test("as the system makes it is understood", async () => {
    const error = await failureOf(() =>
      open("/does/not/exist").catch((cause: unknown) => {
        throw mediumError(cause, "open", "/does/not/exist");
      }),
    );
    expect(error.code).toBe("FILE_NOT_FOUND");
  });

  test("names a hostile path in one line", () => {
    const { message } = mediumError(systemError("EIO"), "read", "a\n\u001b[2Jb") as SealiftError;
    expect(message).toContain('"a\\u000a\\u001b[2Jb"');
  });
});

describe("the error of a thread that cannot start", () => {
  const failure = (text: string): Error => Object.assign(new Error(text), { code: "ERR_WORKER_INIT_FAILED" });

  test.each(["EMFILE", "ENFILE", "EAGAIN"])("for %s is explained as that of a call", (errno) => {
    const cause = failure(`Worker initialization failure: ${errno}`);
    const error = mediumError(cause, "start the thread", "hash-worker.js") as SealiftError;
    const { message, hint } = mediumError(systemError(errno), "start the thread", "hash-worker.js") as SealiftError;
    expect(error).toMatchObject({ code: "MEDIUM_FAILED", message, hint, cause });
    expect(message).toMatch(/^expected to start the thread "hash-worker.js", but .* \(E[A-Z]+\)$/);
  });

  test.each(["Worker initialization failure", "Worker initialization failure: EWHATEVER", "EMFILE"])(
    "for a reason that is not known stays what it is: %s",
    (text) => {
      const error = failure(text);
      expect(mediumError(error, "start the thread", "hash-worker.js")).toBe(error);
    },
  );
});

describe("any other error", () => {
  test.each([
    ["a SealiftError", new SealiftError("LOCKED", "expected nobody")],
    ["a defect", new TypeError("x is not a function")],
    ["an error with a code that no call made", Object.assign(new Error("aborted"), { code: "ABORT_ERR" })],
    ["an error with a number for a code", Object.assign(new Error("aborted"), { code: 20 })],
    ["no error at all", "ENOSPC"],
    ["nothing", undefined],
  ])("stays what it is: %s", (_name, error) => {
    expect(mediumError(error, "write", "b.tar")).toBe(error);
  });
});
