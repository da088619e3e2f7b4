import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, readdir, stat, truncate } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { toolEnvironment } from "./process.js";

const PROGRAM = fileURLToPath(new URL("../../../bin/sealift.js", import.meta.url));

/** Some work for the command, from its beginning to a result that is right. */
export interface Work extends AsyncDisposable {
  /** The folder that the command runs in. */
  readonly folder: string;
  /** The moments that some of the kills wait for; all others come at any time. */
  readonly moments: readonly Moment[];
  /** The arguments of the next run; they may differ from those of the last one. */
  args(): readonly string[];
  /** Checks what must hold whenever a run was killed. */
  afterKill(): Promise<void>;
  /** Checks the result of the run that was not killed, whose arguments came last. */
  afterEnd(): Promise<void>;
}

/** Something in the course of a run that is worth being killed at. */
export interface Moment {
  /** How many kills in a hundred wait for it. */
  readonly share: number;
  /**
   * Whether it has come.
   *
   * @param said - All that the run said so far on standard error.
   */
  readonly hasCome: (said: string) => boolean;
  /** The kill comes at most so many milliseconds later. */
  readonly within: number;
}

/** Numbers that look random and are always the same for one seed (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** True so often in a hundred times. */
  percent(often: number): boolean {
    return this.next() * 100 < often;
  }
}

/** How the kills of a command came out. */
export interface KillCounts {
  readonly kills: number;
  /** How often the work came to its end. */
  readonly ends: number;
}

/**
 * Has a command do its work, and kills it at random times, until it was killed
 * so often; it is then run once more to the end. Each run goes on with what the
 * one before left.
 *
 * @param begin - Begins the work anew.
 */
export async function killOften(count: number, chance: Chance, begin: () => Promise<Work>): Promise<KillCounts> {
  const duration = await timeOf(begin);
  let kills = 0;
  let ends = 0;
  while (kills < count) {
    await using work = await begin();
    for (;;) {
      const moment = pick(work.moments, chance);
      const delay = chance.below(moment?.within ?? duration);
      if (kills < count && (await runAndKill(work, moment, delay))) {
        kills += 1;
        await work.afterKill();
        continue;
      }
      if (kills >= count) await runToEnd(work);
      await work.afterEnd();
      ends += 1;
      break;
    }
  }
  return { kills, ends };
}

function pick(moments: readonly Moment[], chance: Chance): Moment | undefined {
  let left = chance.below(100);
  return moments.find(({ share }) => (left -= share) < 0);
}

// Between two looks whether a moment has come.
const LOOK_MS = 5;

/** Whether it was killed; if not, it came to its end before. */
async function runAndKill(work: Work, moment: Moment | undefined, delay: number): Promise<boolean> {
  const { child, said, ended } = start(work);
  while (child.exitCode === null && moment?.hasCome(said()) === false) await setTimeout(LOOK_MS);
  await Promise.race([setTimeout(delay), ended]);
  child.kill("SIGKILL");
  const { code, signal } = await ended;
  if (signal === "SIGKILL") return true;
  expect(code, said()).toBe(0);
  return false;
}

async function runToEnd(work: Work): Promise<void> {
  const { said, ended } = start(work);
  expect((await ended).code, said()).toBe(0);
}

function start(work: Work) {
  const own = { HOME: work.folder, XDG_CONFIG_HOME: work.folder };
  const child = spawn(process.execPath, [PROGRAM, ...work.args()], {
    cwd: work.folder,
    env: toolEnvironment(own),
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close").then(([code, signal]: (number | string | null)[]) => ({ code, signal }));
  return { child, ended, said: () => text };
}

/** How long the work takes when nobody disturbs it, in milliseconds. */
async function timeOf(begin: () => Promise<Work>): Promise<number> {
  await using work = await begin();
  const before = performance.now();
  await runToEnd(work);
  await work.afterEnd();
  return performance.now() - before;
}

/**
 * Does to what a killed run left what a power failure may do: bytes that were
 * written last are zeros, and the journal ends somewhere.
 */
export async function spoil(folder: string, chance: Chance): Promise<void> {
  const names = await readdir(folder);
  // With this one, all parts have reached the medium, and only their names have not.
  if (names.some((name) => name.endsWith(".volumes.json.partial"))) return;
  for (const name of names) {
    const path = `${folder}/${name}`;
    const { size } = await stat(path);
    if (size === 0) continue;
    if (/\.journal$/.test(name) && chance.percent(30)) await truncate(path, size - chance.below(Math.min(size, 300)));
    if (/\.partial(\.old)?$/.test(name) && chance.percent(30)) await zero(path, size, chance);
  }
}

// Pages reach the medium as a whole, or not at all.
const PAGE = 4096;

async function zero(path: string, size: number, chance: Chance): Promise<void> {
  // The signed index lies in the first ones.
  const first = chance.percent(10) ? 0 : chance.below(Math.ceil(size / PAGE));
  const length = Math.min(size - first * PAGE, PAGE * (1 + chance.below(64)));
  await using file = await open(path, "r+");
  await file.write(Buffer.alloc(length), 0, length, first * PAGE);
}
