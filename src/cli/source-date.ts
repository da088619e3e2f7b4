import { quote, SealiftError } from "../errors/index.js";

// 9999-12-31T23:59:59Z: RFC 3339 has no year after it.
const LAST_SECOND = 253_402_300_799;

/**
 * The time that `SOURCE_DATE_EPOCH` states, if it is set: seconds since 1970
 * (https://reproducible-builds.org/specs/source-date-epoch/).
 *
 * @throws SealiftError `CONFIG_INVALID` if it is anything else.
 */
export function sourceDate(env: NodeJS.ProcessEnv): Date | undefined {
  const text = env["SOURCE_DATE_EPOCH"];
  if (text === undefined) return undefined;
  const seconds = /^[0-9]{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (seconds <= LAST_SECOND) return new Date(seconds * 1000);
  throw new SealiftError(
    "CONFIG_INVALID",
    `expected SOURCE_DATE_EPOCH to be whole seconds since 1970, got ${quote(text)}`,
    {
      hint: "set it to what `date +%s` prints, or unset it",
    },
  );
}
