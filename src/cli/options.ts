import type { Options } from "yargs";
import { quote, SealiftError } from "../errors/index.js";

// Four is the default of the operations. Each transfer takes some 5 MB of
// memory, and registries answer many more with 429.
const MAX_CONCURRENCY = 16;

/** How many transfers run at the same time. */
export const CONCURRENCY_OPTION = {
  concurrency: {
    type: "string",
    requiresArg: true,
    describe: `Transfers at the same time, 1 to ${MAX_CONCURRENCY}; by default 4`,
  },
} as const satisfies Record<string, Options>;

/** Whose signature is enough. */
export const TRUST_OPTIONS = {
  key: {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "Public key to trust; may be repeated. By default, all in the folder of trusted keys",
  },
  "allow-unsigned": {
    type: "boolean",
    conflicts: "key",
    describe: "Go on without checking who signed. Anybody may have made or changed the bundle",
  },
} as const satisfies Record<string, Options>;

/**
 * Reads `--concurrency`.
 *
 * @throws SealiftError `USAGE`.
 */
export function parseConcurrency(text: string | undefined): { readonly concurrency?: number } {
  if (text === undefined) return {};
  const concurrency = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0;
  if (concurrency >= 1 && concurrency <= MAX_CONCURRENCY) return { concurrency };
  throw new SealiftError(
    "USAGE",
    `expected --concurrency to be a whole number from 1 to ${MAX_CONCURRENCY}, got ${quote(text)}`,
    {
      hint: "leave it out for the default",
    },
  );
}

/** Refuses the names of a file to write that mean no file. */
export function assertFileName(option: string, file: string): void {
  if (file !== "" && file !== "-") return;
  throw new SealiftError("USAGE", `expected ${option} to be a file, got ${file === "" ? "nothing" : '"-"'}`, {
    hint: "name a file; one that is really called - is ./-",
  });
}
