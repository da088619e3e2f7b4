import { damageError, reportLines } from "../damage-check.js";
import { TRUST_OPTIONS } from "../options.js";
import { BUNDLE_OPERAND, bundleWords } from "../reading.js";
import { trustWords } from "../render/bundle-fields.js";
import { exactBytes } from "../render/units.js";
import { trustFrom } from "../trust.js";
import { defineCommand } from "./command.js";

export const repair = defineCommand({
  name: "repair",
  summary: "Heal a damaged bundle in its place with a patch, and verify all of it",
  usage: "BUNDLE... --with PATCH --key NAME.pub [options]",
  operands: {
    bundle: { ...BUNDLE_OPERAND, describe: "The damaged bundle; or its parts, or the folders that hold them" },
  },
  options: {
    with: { type: "string", requiresArg: true, demandOption: true, describe: "What sealift patch wrote" },
    ...TRUST_OPTIONS,
  },
  run: async (args, session) => {
    const trust = await trustFrom(args, session);
    const { repairFile } = await import("../../index.js");
    const { signal, onEvent } = session;
    const { written, report } = await repairFile(args.bundle, { trust, patch: args.with, signal, onEvent });
    const bundle = args.bundle.join(" ");
    const words = bundleWords(args.bundle);
    const next =
      report.kind === "whole"
        ? `sealift import ${words} --to REGISTRY[/PREFIX]${trustWords(args)}`
        : `sealift verify ${words} --damage request.json${trustWords(args)}`;
    return {
      result: { bundle, written, ...report },
      failures: [],
      error: damageError(report),
      lines: [
        written === 0
          ? "Nothing was written: nothing in the patch is better than what is there"
          : `Wrote ${exactBytes(written)}`,
        ...reportLines(bundle, report),
        "",
        report.kind === "whole" ? "Next:" : "Next, to ask for what is still damaged:",
        `  ${next}`,
      ],
    };
  },
});
