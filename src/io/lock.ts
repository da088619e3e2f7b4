import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { quote, SealiftError } from "../errors/index.js";
import { mediumError } from "./medium-error.js";

const ownerSchema = z.object({ pid: z.int().positive(), host: z.string(), id: z.string(), since: z.string() });
type Owner = z.infer<typeof ownerSchema>;

// Two runs that find the same dead owner may both replace its lock; the later
// one wins, and the earlier sees so when it looks again after this long.
const TAKEOVER_SETTLE_MS = 100;

/**
 * Holds `path` as a lock until disposed. A lock left by a process of this
 * machine that is gone is taken over.
 *
 * @throws SealiftError `LOCKED` if another run holds it, and as for any file.
 */
export async function acquireLock(path: string): Promise<AsyncDisposable> {
  const mine: Owner = { pid: process.pid, host: hostname(), id: randomUUID(), since: new Date().toISOString() };
  const draft = `${path}.${mine.id}`;
  try {
    // Written aside and then linked, so that a lock is never seen half written.
    await writeFile(draft, JSON.stringify(mine), { flag: "wx" });
    await take(path, draft, mine);
  } catch (error) {
    throw mediumError(error, "lock", path);
  } finally {
    await rm(draft, { force: true });
  }
  return {
    async [Symbol.asyncDispose]() {
      if ((await readOwner(path))?.id === mine.id) await rm(path, { force: true });
    },
  };
}

async function take(path: string, draft: string, mine: Owner): Promise<void> {
  try {
    await link(draft, path);
    return;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") await takeOver(path, draft, mine);
    // FAT and exFAT have no hard links; there the file is created in one step instead.
    else if (errnoOf(error) === "EPERM" || errnoOf(error) === "ENOTSUP" || errnoOf(error) === "EOPNOTSUPP") {
      await createExclusively(path, draft, mine);
    } else throw error;
  }
}

async function createExclusively(path: string, draft: string, mine: Owner): Promise<void> {
  try {
    await writeFile(path, JSON.stringify(mine), { flag: "wx" });
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    await takeOver(path, draft, mine);
  }
}

async function takeOver(path: string, draft: string, mine: Owner): Promise<void> {
  const owner = await readOwner(path);
  if (owner === undefined || isAlive(owner)) throw lockedError(path, owner);
  await rename(draft, path);
  await sleep(TAKEOVER_SETTLE_MS);
  const now = await readOwner(path);
  if (now?.id !== mine.id) throw lockedError(path, now);
}

async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

// A process of another machine cannot be seen from here, so it counts as alive.
function isAlive({ pid, host }: Owner): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

function lockedError(path: string, owner: Owner | undefined): SealiftError {
  const who = owner === undefined ? "another run" : `process ${owner.pid} on ${quote(owner.host)} since ${quote(owner.since)}`;
  return new SealiftError("LOCKED", `expected nobody else to write this bundle, but ${who} holds ${quote(path)}`, {
    hint: "wait for the other run to end; if there is none any more, delete that file",
  });
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
