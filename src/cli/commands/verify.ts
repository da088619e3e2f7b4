import { TRUST_OPTIONS } from "../options.js";
import { bundleFields, trustWords } from "../render/bundle-fields.js";
import { fieldLines } from "../render/fields.js";
import { imageLines } from "../render/image-lines.js";
import { shellWord } from "../render/shell-word.js";
import { trustFrom } from "../trust.js";
import { defineCommand } from "./command.js";

export const verify = defineCommand({
  name: "verify",
  summary: "Check a bundle: its signature, its form, and every digest",
  usage: "BUNDLE --key NAME.pub [options]",
  operands: { bundle: { type: "string", demandOption: true, describe: "The bundle to check" } },
  options: {
    ...TRUST_OPTIONS,
    deep: {
      type: "boolean",
      default: false,
      describe: "Unpack every layer, too, and check it against its image's config",
    },
  },
  run: async (args, session) => {
    const { bundle, deep } = args;
    const trust = await trustFrom(args, session);
    const { verifyFile } = await import("../../index.js");
    const result = await verifyFile(bundle, { trust, deep, signal: session.signal, onEvent: session.onEvent });
    const { unpackedLayers, entries } = result;
    return {
      result: { bundle, ...result },
      failures: [],
      lines: [
        `${bundle} is whole: the digests of all its ${entries} entries are right`,
        ...fieldLines(
          [
            ...bundleFields(result),
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
        `  sealift import ${shellWord(bundle)} --to REGISTRY[/PREFIX]${trustWords(args)}`,
      ],
    };
  },
});
