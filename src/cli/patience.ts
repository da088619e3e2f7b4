import type { Options } from "yargs";
import { quote, SealiftError } from "../errors/index.js";
import type { RegistryClientOptions } from "../index.js";

// With the waits between them, as many tries take most of an hour.
const MAX_RETRIES = 100;

// Who waits for longer than a day has forgotten the run.
const MAX_TIMEOUT_S = 24 * 60 * 60;

/** How patient to be with registries. */
export const PATIENCE_OPTIONS = {
  retries: {
    type: "string",
    requiresArg: true,
    describe: `Further tries of what fails, 0 to ${MAX_RETRIES}; by default 5. A download that gets on has all of them again`,
  },
  timeout: {
    type: "string",
    requiresArg: true,
    describe: "How long a registry may be silent, as 90 or 5m; by default 60 s in a download, 5 min before an answer",
  },
} as const satisfies Record<string, Options>;

/** What to do when a registry counts pulls. */
export const QUOTA_OPTION = {
  "min-quota": {
    type: "string",
    requiresArg: true,
    describe: "Leave N of the pulls that Docker Hub allows: stop before, or with N:wait, wait for more",
  },
} as const satisfies Record<string, Options>;

/** What the command line says of patience: see {@link PATIENCE_OPTIONS}. */
export interface PatienceArguments {
  readonly retries: string | undefined;
  readonly timeout: string | undefined;
}

/**
 * What {@link PATIENCE_OPTIONS} ask for.
 *
 * @throws SealiftError `USAGE`.
 */
export function patience({ retries, timeout }: PatienceArguments): Pick<RegistryClientOptions, "retry" | "silence"> {
  return {
    ...(retries !== undefined && { retry: { tries: parseRetries(retries) + 1 } }),
    ...(timeout !== undefined && { silence: parseTimeout(timeout) * 1000 }),
  };
}

/**
 * What {@link QUOTA_OPTION} asks for.
 *
 * @throws SealiftError `USAGE`.
 */
export function minQuota(text: string | undefined): Pick<RegistryClientOptions, "quota"> {
  if (text === undefined) return {};
  const [, min, wait] = /^([0-9]{1,6})(:wait)?$/.exec(text) ?? [];
  if (min !== undefined) return { quota: { min: Number(min), whenLow: wait === undefined ? "stop" : "wait" } };
  throw new SealiftError("USAGE", `expected --min-quota to be a number or NUMBER:wait, got ${quote(text)}`, {
    hint: "--min-quota 10 leaves ten pulls to others; --min-quota 10:wait waits until there are more",
  });
}

function parseRetries(text: string): number {
  const retries = /^[0-9]{1,3}$/.test(text) ? Number(text) : MAX_RETRIES + 1;
  if (retries <= MAX_RETRIES) return retries;
  throw new SealiftError(
    "USAGE",
    `expected --retries to be a whole number from 0 to ${MAX_RETRIES}, got ${quote(text)}`,
    { hint: "leave it out for the default" },
  );
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** In seconds. */
function parseTimeout(text: string): number {
  const [, count, unit = "s"] = /^([0-9]{1,6})([smh])?$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS[unit] ?? 1);
  if (seconds >= 1 && seconds <= MAX_TIMEOUT_S) return seconds;
  throw new SealiftError("USAGE", `expected --timeout to be from 1 second to 24 hours, got ${quote(text)}`, {
    hint: "give seconds, as 90, or minutes, as 5m; leave it out for the default",
  });
}
