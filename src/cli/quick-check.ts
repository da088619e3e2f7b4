import { SealiftError } from "../errors/index.js";
import type { QuickVerifyResult, TrustPolicy } from "../index.js";
import { bundleWords } from "./reading.js";
import { bundleFields, trustWords } from "./render/bundle-fields.js";
import { damageLines, damageSummary } from "./render/damage-lines.js";
import { fieldLines } from "./render/fields.js";
import { imageLines } from "./render/image-lines.js";
import type { Outcome, Session } from "./session.js";
import type { TrustArguments } from "./trust.js";

/** What was typed for a check of a bundle. */
export interface CheckArguments extends TrustArguments {
  readonly bundle: readonly string[];
}

/** `verify --quick`. */
export async function quickCheck(args: CheckArguments, trust: TrustPolicy, session: Session): Promise<Outcome> {
  const { quickVerifyFile } = await import("../index.js");
  const { signal, onEvent } = session;
  const result = await quickVerifyFile(args.bundle, { trust, signal, onEvent });
  const bundle = args.bundle.join(" ");
  const fullCheck = `sealift verify ${bundleWords(args.bundle)}${trustWords(args)}`;
  const error = errorOf(result, fullCheck);
  return {
    result: { bundle, ...result },
    failures: [],
    error,
    lines: error === undefined ? goodLines(bundle, result, fullCheck) : badLines(bundle, result),
  };
}

function goodLines(bundle: string, result: QuickVerifyResult, fullCheck: string): string[] {
  return [
    `${bundle} shows no damage: all its ${result.entries} entries have the sums that they were written with`,
    ...fieldLines([...bundleFields(result), ["digests", "NOT CHECKED: this is no proof, the full check is"]], 2),
    ...imageLines(result.images),
    "",
    "Next, for the proof:",
    `  ${fullCheck}`,
  ];
}

function badLines(bundle: string, { damage }: QuickVerifyResult): string[] {
  return damage.length === 0 ? [] : [`${bundle} is damaged: ${damageSummary(damage)}`, ...damageLines(damage)];
}

function errorOf({ damage, surplus, size, hasSums }: QuickVerifyResult, fullCheck: string): SealiftError | undefined {
  if (!hasSums) {
    return new SealiftError(
      "BUNDLE_INVALID",
      "expected the sums of the bundle's chunks to check them with, but they are damaged or missing, so content was not checked",
      { hint: `only the full check can tell what else is damaged: ${fullCheck}` },
    );
  }
  const [first] = damage;
  if (first !== undefined) {
    const where = first.path === undefined ? "" : ` of ${first.path}`;
    return new SealiftError(
      "BUNDLE_INVALID",
      `expected every chunk to be as it was written, but ${damage.length} places are not, the first of them at byte ${first.position}${where}`,
      {
        hint: `copy the bundle again from where it was made, or see what it takes to heal it: ${fullCheck} --damage request.json`,
      },
    );
  }
  if (surplus === 0) return undefined;
  return new SealiftError("BUNDLE_INVALID", `expected a bundle of ${size} bytes, got ${surplus} more after its end`, {
    hint: "something was added to the file: copy it again from where it was made",
  });
}
