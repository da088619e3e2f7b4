import { assertFileName, TRUST_OPTIONS } from "../options.js";
import { BUNDLE_OPERAND } from "../reading.js";
import { trustWords } from "../render/bundle-fields.js";
import { fieldLines } from "../render/fields.js";
import { shellWord } from "../render/shell-word.js";
import { counted, exactBytes } from "../render/units.js";
import { trustFrom } from "../trust.js";
import { defineCommand } from "./command.js";

export const patch = defineCommand({
  name: "patch",
  summary: "Write the bytes of a bundle that a damaged copy of it asks for",
  usage: "BUNDLE... --request REQUEST -o PATCH --key NAME.pub [options]",
  operands: {
    bundle: { ...BUNDLE_OPERAND, describe: "The bundle that was sent; or its parts, or the folders that hold them" },
  },
  options: {
    request: {
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: "What sealift verify --damage wrote beside the damaged copy",
    },
    output: { alias: "o", type: "string", requiresArg: true, demandOption: true, describe: "The patch to write" },
    ...TRUST_OPTIONS,
  },
  run: async (args, session) => {
    const { request, output } = args;
    assertFileName("--output", output);
    const trust = await trustFrom(args, session);
    const { makePatchFile } = await import("../../index.js");
    const { signal, onEvent } = session;
    const result = await makePatchFile(args.bundle, { trust, request, output, signal, onEvent });
    return {
      result: { patch: output, ...result },
      failures: [],
      lines: [
        `Wrote ${output} with ${counted(result.ranges, "range")} of the bundle`,
        ...fieldLines(
          [
            ["for", result.indexDigest],
            ["of the bundle", exactBytes(result.bytes)],
            ["size", exactBytes(result.size)],
          ],
          2,
        ),
        "",
        "Next, where the damaged copy is:",
        `  sealift repair BUNDLE --with ${shellWord(output)}${trustWords(args)}`,
      ],
    };
  },
});
