import { SealiftError } from "../../errors/index.js";
import { damageCheck } from "../damage-check.js";
import { TRUST_OPTIONS } from "../options.js";
import { quickCheck } from "../quick-check.js";
import { BUNDLE_OPERAND, bundleName, bundleWords, readingOptions, VOLUME_OPTIONS } from "../reading.js";
import { bundleFields, trustWords } from "../render/bundle-fields.js";
import { deltaFields } from "../render/delta-fields.js";
import { fieldLines } from "../render/fields.js";
import { imageLines } from "../render/image-lines.js";
import { trustFrom } from "../trust.js";
import { defineCommand } from "./command.js";

export const verify = defineCommand({
  name: "verify",
  summary: "Check a bundle: its signature, its form, and every digest",
  usage: "BUNDLE... --key NAME.pub [options]",
  operands: { bundle: BUNDLE_OPERAND },
  options: {
    ...TRUST_OPTIONS,
    ...VOLUME_OPTIONS,
    deep: {
      type: "boolean",
      default: false,
      describe: "Unpack every layer, too, and check it against its image's config",
    },
    quick: {
      type: "boolean",
      default: false,
      describe: "Look for damage at the speed of the medium; this proves nothing of the digests",
    },
    damage: {
      type: "string",
      requiresArg: true,
      describe: "Go on after damage, and write into this file what it takes to heal it",
    },
  },
  run: async (args, session) => {
    const { deep, quick, damage } = args;
    const bundle = args.bundle.join(" ");
    assertOneCheck(args);
    const trust = await trustFrom(args, session);
    if (quick) return await quickCheck(args, trust, session);
    if (damage !== undefined) return await damageCheck({ ...args, damage }, trust, session);
    const { verifyFile } = await import("../../index.js");
    const result = await verifyFile(args.bundle, {
      ...readingOptions(args, session),
      trust,
      deep,
      signal: session.signal,
      onEvent: session.onEvent,
    });
    const { unpackedLayers, entries } = result;
    return {
      result: { bundle, ...result },
      failures: [],
      lines: [
        `${bundleName(args.bundle)} is whole: the digests of all its ${entries} entries are right`,
        ...fieldLines(
          [
            ...bundleFields(result),
            ...deltaFields(result.delta),
            [
              "layers",
              unpackedLayers === undefined ? "not unpacked (--deep does)" : `${unpackedLayers} unpacked and right`,
            ],
          ],
          2,
        ),
        ...imageLines(result.images),
        "",
        "Next:",
        `  sealift import ${bundleWords(args.bundle)} --to REGISTRY[/PREFIX]${trustWords(args)}`,
      ],
    };
  },
});

/** Each reads the bundle in its own way. */
function assertOneCheck(args: {
  readonly deep: boolean;
  readonly quick: boolean;
  readonly damage: string | undefined;
  readonly "volume-prompt": boolean;
}): void {
  const { deep, quick, damage } = args;
  const asked = [
    ...(quick ? ["--quick"] : []),
    ...(damage === undefined ? [] : ["--damage"]),
    ...(deep ? ["--deep"] : []),
    ...(args["volume-prompt"] ? ["--volume-prompt"] : []),
  ];
  if (asked.length < 2 || (!quick && damage === undefined)) return;
  throw new SealiftError("USAGE", `expected ${asked[0] ?? ""} alone, got it with ${asked.slice(1).join(" and ")}`, {
    hint: "run one after the other",
  });
}
