import { randomUUID } from "node:crypto";
import { readlinkSync } from "node:fs";
import { link, readdir, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import * as z from "zod";
import { quote, SealiftError } from "../errors/index.js";
import { errnoOf, mediumError } from "./medium-error.js";
import { readSmallFile } from "./read-file.js";

const ownerSchema = z.object({
  pid: z.int().positive(),
  host: z.string(),
  pidNamespace: z.string().optional(),
  id: z.string(),
  since: z.string(),
});
type Owner = z.infer<typeof ownerSchema>;

// What link(2) fails with where there are no hard links: FAT, exFAT, some network
// and FUSE file systems. There the lock is created in one step instead.
const NO_HARD_LINKS = new Set<string | undefined>(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

// In bytes. A lock takes some 200: a host's name has 64 characters at most (gethostname(2)).
const MAX_LOCK_SIZE = 4096;

// What randomUUID makes.
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

// The locks that this process holds. In a container, each run may well have the
// same pid as the one before it.
const heldHere = new Set<string>();

/**
 * Holds `path` as a lock until disposed. A lock left by a process of this
 * machine that is gone is taken over.
 *
 * @param what - Completes `expected nobody else to write …` in the error.
 * @throws SealiftError `LOCKED` if another run holds it, and as for any file.
 */
export async function acquireLock(path: string, what = "this bundle"): Promise<AsyncDisposable> {
  const mine: Owner = {
    pid: process.pid,
    host: hostname(),
    pidNamespace: pidNamespace(),
    id: randomUUID(),
    since: new Date().toISOString(),
  };
  heldHere.add(mine.id);
  try {
    await acquire(path, mine, what);
  } catch (error) {
    heldHere.delete(mine.id);
    throw mediumError(error, "create the lock file", path);
  }
  return {
    async [Symbol.asyncDispose]() {
      heldHere.delete(mine.id);
      if ((await readOwner(path))?.id === mine.id) await rm(path, { force: true });
    },
  };
}

async function acquire(path: string, mine: Owner, what: string): Promise<void> {
  const draft = `${path}.${mine.id}`;
  try {
    // Written aside and then linked, so that a lock is never seen half written.
    await writeFile(draft, JSON.stringify(mine), { flag: "wx" });
    await take(path, draft, mine, what);
  } finally {
    // Where nothing could be written, nothing can be removed either, and the first error tells more.
    await rm(draft, { force: true }).catch(() => undefined);
  }
  await removeDrafts(path);
}

async function take(path: string, draft: string, mine: Owner, what: string): Promise<void> {
  if (await place(path, draft, mine)) return;
  const owner = await readOwner(path);
  if (owner === undefined || isAlive(owner)) throw lockedError(path, owner, what);
  await takeOver(path, draft, mine, owner, what);
}

/**
 * Replaces the lock that a dead `owner` left. Only one run at a time may do so,
 * and it looks again, because another may have done so since. What keeps the
 * others out is a lock itself: a run may be killed in here, too.
 */
async function takeOver(path: string, draft: string, mine: Owner, owner: Owner, what: string): Promise<void> {
  const guard = `${path}.takeover`;
  await acquire(guard, mine, what);
  try {
    const now = await readOwner(path);
    if (now?.id !== owner.id) throw lockedError(path, now, what);
    await rename(draft, path);
  } finally {
    await rm(guard, { force: true });
  }
}

/** Removes what runs have left beside a lock that were killed while they took it. */
async function removeDrafts(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  for (const name of names) {
    if (!name.startsWith(prefix) || !UUID.test(name.slice(prefix.length))) continue;
    const draft = join(dirname(path), name);
    const owner = await readOwner(draft);
    if (owner !== undefined && !isAlive(owner)) await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** Puts a lock in place; false if there is one already. */
async function place(path: string, draft: string, mine: Owner): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    if (!NO_HARD_LINKS.has(errnoOf(error))) throw error;
  }
  try {
    await writeFile(path, JSON.stringify(mine), { flag: "wx" });
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    // What could not be written whole would be a lock that nobody holds and nobody removes.
    await rm(path, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    // What lies under a lock's name may be anything: a pipe, a device, a huge file.
    return ownerSchema.parse(JSON.parse((await readSmallFile(path, MAX_LOCK_SIZE)).toString("utf8")));
  } catch {
    return undefined;
  }
}

// Containers may share the name of their machine, and yet see none of its
// processes: those of one PID namespace see each other (pid_namespaces(7)).
function pidNamespace(): string | undefined {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return undefined;
  }
}

// A process of another machine cannot be seen from here, so it counts as alive.
function isAlive({ pid, host, pidNamespace: namespace, id }: Owner): boolean {
  if (host !== hostname() || (namespace !== undefined && namespace !== pidNamespace())) return true;
  if (pid === process.pid) return heldHere.has(id);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

function lockedError(path: string, owner: Owner | undefined, what: string): SealiftError {
  const who =
    owner === undefined ? "another run" : `process ${owner.pid} on ${quote(owner.host)} since ${quote(owner.since)}`;
  return new SealiftError("LOCKED", `expected nobody else to write ${what}, but ${who} holds ${quote(path)}`, {
    hint: "wait for the other run to end; if there is none any more, delete that file",
  });
}
