import { SealiftError } from "../errors/index.js";
import type { DamageReport, TrustPolicy } from "../index.js";
import { assertFileName } from "./options.js";
import type { CheckArguments } from "./quick-check.js";
import { bundleWords } from "./reading.js";
import { bundleFields, trustWords } from "./render/bundle-fields.js";
import { damageLines, damageSummary } from "./render/damage-lines.js";
import { deltaFields } from "./render/delta-fields.js";
import { fieldLines } from "./render/fields.js";
import { imageLines } from "./render/image-lines.js";
import { shellWord } from "./render/shell-word.js";
import { counted, exactBytes } from "./render/units.js";
import type { Outcome, Session } from "./session.js";

/** `verify --damage REQUEST`. */
export async function damageCheck(
  args: CheckArguments & { readonly damage: string },
  trust: TrustPolicy,
  session: Session,
): Promise<Outcome> {
  const { findDamageInFile } = await import("../index.js");
  const { signal, onEvent } = session;
  const request = args.damage;
  assertFileName("--damage", request);
  const report = await findDamageInFile(args.bundle, { trust, request, signal, onEvent });
  const bundle = args.bundle.join(" ");
  return {
    result: { bundle, ...report },
    failures: [],
    error: damageError(report),
    lines: [...reportLines(bundle, report), "", ...nextLines(args, report)],
  };
}

/** What was found of a bundle. */
export function reportLines(bundle: string, report: DamageReport): string[] {
  if (report.kind === "headless") return [`${bundle} has a damaged head: its index, or the signature of it`];
  if (report.kind === "damaged") {
    const surplus = report.surplus === 0 ? "" : `, and ${counted(report.surplus, "byte")} too many`;
    return [`${bundle} is damaged: ${damageSummary(report.damage)}${surplus}`, ...damageLines(report.damage)];
  }
  const { result } = report;
  return [
    `${bundle} is whole: the digests of all its ${result.entries} entries are right`,
    ...fieldLines([...bundleFields(result), ...deltaFields(result.delta)], 2),
    ...imageLines(result.images),
  ];
}

/** Why a bundle that was looked through is of no use; undefined if it is whole. */
export function damageError(report: DamageReport): SealiftError | undefined {
  if (report.kind === "whole") return undefined;
  if (report.kind === "headless") {
    return new SealiftError(
      "BUNDLE_INVALID",
      `expected a whole bundle, but its head is damaged: ${report.reason.message}`,
      {
        hint: "heal the head first: what else is damaged shows only then",
        cause: report.reason,
      },
    );
  }
  const { damage, surplus, size } = report;
  if (damage.length > 0) {
    return new SealiftError(
      "BUNDLE_INVALID",
      `expected a whole bundle, got damage in ${counted(damage.length, "place")}`,
      {
        hint: "do not use it before it is healed and verified, or copy it again from where it was made",
      },
    );
  }
  return new SealiftError("BUNDLE_INVALID", `expected a bundle of ${size} bytes, got ${surplus} more after its end`, {
    hint: `cut them off: truncate -s ${size} BUNDLE`,
  });
}

function nextLines(args: CheckArguments & { readonly damage: string }, report: DamageReport): string[] {
  const bundle = bundleWords(args.bundle);
  const trust = trustWords(args);
  if (report.kind === "whole") return ["Next:", `  sealift import ${bundle} --to REGISTRY[/PREFIX]${trust}`];
  const { request } = report;
  if (request === undefined) return [];
  const file = shellWord(args.damage);
  const what = request.kind === "head" ? "the head" : rangesText(request.ranges);
  return [
    `Wrote ${args.damage}, which asks for ${what}`,
    "Next, where the bundle was made:",
    `  sealift patch BUNDLE --request ${file} -o patch.tar${trust}`,
    "Then here, with the patch:",
    `  sealift repair ${bundle} --with patch.tar${trust}`,
  ];
}

function rangesText(ranges: readonly { readonly length: number }[]): string {
  const bytes = ranges.reduce((sum, { length }) => sum + length, 0);
  return `${exactBytes(bytes)} in ${counted(ranges.length, "range")}`;
}
