import { spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import type * as fs from "node:fs/promises";
import { mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isSealiftError } from "../../src/errors/index.js";
import { acquireLock } from "../../src/io/index.js";
import { failureOf } from "../support/errors.js";
import { TempFolder } from "../support/temp-folder.js";

// A file system without hard links, and a run that is stopped at a bad moment, cannot
// be had on demand: this call can be replaced for one test.
const { calls } = vi.hoisted((): { calls: { link?: typeof fs.link } } => ({ calls: {} }));
vi.mock("node:fs/promises", async (original) => {
  const actual = await original<typeof fs>();
  return {
    ...actual,
    link: (from: string, to: string) => (calls.link ?? actual.link)(from, to),
  };
});

/** The pid of a process that is gone. */
function deadPid(): number {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  return pid;
}

describe("a lock", () => {
  let folder: TempFolder;
  let path: string;
  let held: AsyncDisposable[];
  beforeEach(async () => {
    held = [];
    folder = await TempFolder.create();
    path = folder.file("bundle.tar.lock");
  });
  afterEach(async () => {
    delete calls.link;
    for (const lock of held) await lock[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Leaves a lock there, as another run would have. */
  async function leave(owner: object): Promise<void> {
    await writeFile(
      path,
      JSON.stringify({ pid: deadPid(), host: hostname(), id: "other", since: "yesterday", ...owner }),
    );
  }

  test("is held by one, who leaves nothing behind", async () => {
    const lock = await acquireLock(path);
    expect(await readdir(folder.path)).toEqual(["bundle.tar.lock"]);
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid, host: hostname() });

    await lock[Symbol.asyncDispose]();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("that is held is refused, and says by whom", async () => {
    held.push(await acquireLock(path));
    const error = await failureOf(() => acquireLock(path));

    expect(error.code).toBe("LOCKED");
    expect(error.exitCode).toBe(6);
    expect(error.message).toContain(`process ${process.pid} on "${hostname()}"`);
    expect(error.message).toContain(path);
    expect(error.hint).toContain("delete that file");
    // The refused one took nothing away and left nothing.
    expect(await readdir(folder.path)).toEqual(["bundle.tar.lock"]);
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
  });

  test("that was released can be had again, and releasing twice does not take it away", async () => {
    const first = await acquireLock(path);
    await first[Symbol.asyncDispose]();
    held.push(await acquireLock(path));
    await first[Symbol.asyncDispose]();
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
  });

  test("of a process that is gone is taken over", async () => {
    await leave({});
    held.push(await acquireLock(path));
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
    expect(await readdir(folder.path)).toEqual(["bundle.tar.lock"]);
  });

  test("of a process that is gone is taken over, even if others died while they took it over", async () => {
    await leave({});
    for (const more of [".takeover", ".takeover.takeover"]) {
      await writeFile(`${path}${more}`, await readFile(path));
    }
    held.push(await acquireLock(path));
    expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
    expect(await readdir(folder.path)).toEqual(["bundle.tar.lock"]);
  });

  test("that is being taken over by one who lives is refused", async () => {
    await leave({});
    await writeFile(`${path}.takeover`, JSON.stringify({ pid: process.ppid, host: hostname(), id: "x", since: "now" }));
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
    expect(await readdir(folder.path)).toEqual(["bundle.tar.lock", "bundle.tar.lock.takeover"]);
  });

  test("has removed what others left beside it who died while they took it, and nothing else", async () => {
    await leave({});
    const owner = await readFile(path);
    const draft = (digit: string): string => `${path}.00000000-0000-0000-0000-00000000000${digit}`;
    await writeFile(draft("1"), owner);
    await writeFile(draft("2"), JSON.stringify({ pid: process.ppid, host: hostname(), id: "x", since: "now" }));
    await writeFile(draft("3"), "somebody's file");
    held.push(await acquireLock(path));
    expect((await readdir(folder.path)).map((name) => name.slice(-1))).toEqual(["k", "2", "3"]);
  });

  test("of another machine is not taken over, since nobody here can see whether it lives", async () => {
    await leave({ host: "another-machine" });
    const error = await failureOf(() => acquireLock(path));
    expect(error.code).toBe("LOCKED");
    expect(error.message).toContain('on "another-machine" since "yesterday"');
  });

  test("of a process of another user is not taken over", async () => {
    const kill = vi.spyOn(process, "kill").mockImplementation(() => {
      throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    });
    await leave({ pid: 1 });
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
    expect(kill).toHaveBeenCalledWith(1, 0);
    kill.mockRestore();
  });

  test.each([
    ["empty", ""],
    ["half written", '{"pid":12'],
    ["of another program", "12345\n"],
    ["with a pid that means all processes", JSON.stringify({ pid: -1, host: hostname(), id: "x", since: "x" })],
    ["with pid 0, which means this one's group", JSON.stringify({ pid: 0, host: hostname(), id: "x", since: "x" })],
    ["with a pid in text", JSON.stringify({ pid: "1", host: hostname(), id: "x", since: "x" })],
  ])("that is %s is refused and stays as it is", async (_name, content) => {
    const kill = vi.spyOn(process, "kill");
    await writeFile(path, content);
    const error = await failureOf(() => acquireLock(path));
    expect(error.code).toBe("LOCKED");
    expect(error.message).toContain("another run holds");
    expect(await readFile(path, "utf8")).toBe(content);
    expect(kill).not.toHaveBeenCalled();
    kill.mockRestore();
  });

  // Whoever waits for a writer of the pipe fails by the test's time limit.
  test("hostile: that is a pipe without a writer keeps nobody waiting, and stays", async () => {
    spawnSync("mkfifo", [path]);
    const error = await failureOf(() => acquireLock(path));
    expect(error.code).toBe("LOCKED");
    expect(error.hint).toContain("delete that file");
    expect((await stat(path)).isFIFO()).toBe(true);
  });

  test("hostile: a draft beside it that is a pipe without a writer keeps nobody waiting, and stays", async () => {
    const draft = `${path}.00000000-0000-0000-0000-000000000001`;
    spawnSync("mkfifo", [draft]);
    held.push(await acquireLock(path));
    expect((await stat(draft)).isFIFO()).toBe(true);
  });

  test("hostile: that is a link to a device without an end is refused", async () => {
    await symlink("/dev/zero", path);
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
  });

  test("hostile: that is a good lock of a dead process before thousands of spaces, or gigabytes of nothing, is no lock of ours", async () => {
    await leave({});
    await writeFile(path, " ".repeat(4096), { flag: "a" });
    const error = await failureOf(() => acquireLock(path));
    expect(error.code).toBe("LOCKED");
    expect(error.message).toContain("another run holds");
    await truncate(path, 1.9e9);
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
  });

  test("names a hostile owner in one line", async () => {
    await leave({ host: "\u001b[2J\nhost" });
    expect((await failureOf(() => acquireLock(path))).message).toContain('"\\u001b[2J\\u000ahost"');
  });

  test("goes to exactly one of many who come at once", async () => {
    expect(await contenders(20)).toEqual({ holders: 1, locked: 19 });
  });

  test("of a process that is gone goes to exactly one of many who come at once", async () => {
    for (let round = 0; round < 10; round += 1) {
      await leave({});
      expect(await contenders(20)).toEqual({ holders: 1, locked: 19 });
    }
  });

  test("is not lost to a run that was stopped after it had seen a dead owner", async () => {
    await leave({});
    const actual = await vi.importActual<typeof fs>("node:fs/promises");
    const moments = new EventEmitter();
    const stopped = once(moments, "stopped");
    calls.link = async (from, to) => {
      if (String(to) !== path) {
        delete calls.link;
        moments.emit("stopped");
        await once(moments, "goes on");
      }
      await actual.link(from, to);
    };
    const slow = failureOf(() => acquireLock(path));
    await stopped;
    held.push(await acquireLock(path));
    const lock = await readFile(path, "utf8");
    moments.emit("goes on");

    expect((await slow).code).toBe("LOCKED");
    expect(await readFile(path, "utf8")).toBe(lock);
    expect(await readdir(folder.path)).toEqual(["bundle.tar.lock"]);
  });

  test("that a run died over while taking it from a dead owner is refused, naming the file in the way", async () => {
    await leave({});
    await writeFile(`${path}.takeover`, "");
    const error = await failureOf(() => acquireLock(path));
    expect(error.code).toBe("LOCKED");
    expect(error.message).toContain(`holds "${path}.takeover"`);
  });

  test.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])("works without hard links (%s), as on FAT", async (code) => {
    calls.link = () => Promise.reject(Object.assign(new Error(code), { code, syscall: "link" }));
    await leave({});
    const lock = await acquireLock(path);
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
    await lock[Symbol.asyncDispose]();
    expect(await contenders(10)).toEqual({ holders: 1, locked: 9 });
  });

  test("on a medium that fails is refused as the medium's failure", async () => {
    calls.link = () => Promise.reject(Object.assign(new Error("EIO"), { code: "EIO", syscall: "link" }));
    expect((await failureOf(() => acquireLock(path))).code).toBe("MEDIUM_FAILED");
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("in a folder that is not there, or in a file, is refused", async () => {
    await writeFile(folder.file("file"), "");
    expect((await failureOf(() => acquireLock(folder.file("none/lock")))).code).toBe("FILE_NOT_FOUND");
    expect((await failureOf(() => acquireLock(folder.file("file/lock")))).code).toBe("FILE_NOT_FOUND");
    await mkdir(path);
    expect((await failureOf(() => acquireLock(path))).code).toBe("LOCKED");
  });

  async function contenders(count: number): Promise<{ holders: number; locked: number }> {
    const results = await Promise.allSettled(Array.from({ length: count }, () => acquireLock(path)));
    const holders = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const locked = results.filter((result) => result.status === "rejected" && isSealiftError(result.reason, "LOCKED"));
    for (const holder of holders) await holder[Symbol.asyncDispose]();
    return { holders: holders.length, locked: locked.length };
  }
});
