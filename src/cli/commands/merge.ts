import type { MergeFilesResult } from "../../index.js";
import {
  lastLine,
  MEDIUM_OPTIONS,
  mediumOptions,
  sumsLines,
  volumeFields,
  warnOfReadBack,
  writtenNames,
} from "../medium-options.js";
import { assertFileName, TRUST_OPTIONS } from "../options.js";
import { bundleFields, trustWords } from "../render/bundle-fields.js";
import { type Field, fieldLines } from "../render/fields.js";
import { imageLines } from "../render/image-lines.js";
import { shellWord } from "../render/shell-word.js";
import { counted, exactBytes } from "../render/units.js";
import { type TrustArguments, trustFrom } from "../trust.js";
import { defineCommand } from "./command.js";

export const merge = defineCommand({
  name: "merge",
  summary: "Make a delta whole with the bundles that have what it leaves out",
  usage: "BUNDLE... DELTA -o NEW --key NAME.pub [options]",
  operands: {
    bundle: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "The bundles that have what the delta leaves out, and last the delta",
    },
  },
  options: {
    output: { alias: "o", type: "string", requiresArg: true, demandOption: true, describe: "The bundle to write" },
    ...TRUST_OPTIONS,
    ...MEDIUM_OPTIONS,
  },
  run: async (args, session) => {
    const { bundle: bundles, output } = args;
    assertFileName("--output", output);
    const trust = await trustFrom(args, session);
    const { mergeFiles, parseVolumeSize } = await import("../../index.js");
    const medium = mediumOptions(args, output, parseVolumeSize);
    const { signal, onEvent } = session;
    const result = await mergeFiles(bundles, { output, trust, signal, onEvent, ...medium });
    warnOfReadBack(result, session);
    return {
      result: { bundle: output, ...result },
      failures: [],
      lines: [...mergeLines(output, result), "", ...nextLines(output, result, args), "", lastLine(result)],
    };
  },
});

function mergeLines(output: string, result: MergeFilesResult): string[] {
  const sources = result.taken.map(({ name, blobs, bytes }, position): Field => {
    return [position === 0 ? "taken" : "", `${counted(blobs, "blob")} from ${name}: ${exactBytes(bytes)}`];
  });
  return [
    `Wrote ${writtenNames(output, result)} with ${counted(result.images.length, "image")}, under the delta's own signature`,
    ...fieldLines([...bundleFields(result), ...volumeFields(result), ...sources], 2),
    ...imageLines(result.images),
  ];
}

function nextLines(output: string, result: MergeFilesResult, trust: TrustArguments): string[] {
  const isCut = result.volumes !== undefined;
  const bundle = isCut ? "FOLDER..." : shellWord(output);
  return [
    "Next:",
    ...(isCut ? [] : [`  docker load -i ${bundle}`]),
    `  sealift import ${bundle} --to REGISTRY[/PREFIX]${trustWords(trust)}`,
    ...sumsLines(output, result),
  ];
}
