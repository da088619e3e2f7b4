import type { ImportedImage, ImportResult } from "../../index.js";
import { CONCURRENCY_OPTION, parseConcurrency, TRUST_OPTIONS } from "../options.js";
import { BUNDLE_OPERAND, bundleName, bundleWords, readingOptions, VOLUME_OPTIONS } from "../reading.js";
import { REGISTRY_OPTIONS, registryOptions } from "../registry-options.js";
import { trustWords } from "../render/bundle-fields.js";
import { deltaFields } from "../render/delta-fields.js";
import { fieldLines } from "../render/fields.js";
import { referrerCounts } from "../render/referrers.js";
import { shellWord } from "../render/shell-word.js";
import { counted, exactBytes } from "../render/units.js";
import { trustFrom } from "../trust.js";
import { defineCommand } from "./command.js";

export const importCommand = defineCommand({
  name: "import",
  summary: "Check a bundle and send its images to a registry",
  usage: "BUNDLE... --to REGISTRY[/PREFIX] --key NAME.pub [options]",
  operands: { bundle: BUNDLE_OPERAND },
  options: {
    to: {
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: "Where to: with reg.internal/mirror, nginx:1.27 becomes reg.internal/mirror/library/nginx:1.27",
    },
    ...TRUST_OPTIONS,
    ...VOLUME_OPTIONS,
    "dry-run": { type: "boolean", default: false, describe: "Say what would be sent, and send nothing" },
    ...CONCURRENCY_OPTION,
    ...REGISTRY_OPTIONS,
  },
  run: async (args, session) => {
    const { to, "dry-run": dryRun } = args;
    const bundle = args.bundle.join(" ");
    const concurrency = parseConcurrency(args.concurrency);
    const reading = readingOptions(args, session);
    const trust = await trustFrom(args, session);
    const { importFile, parseDestination } = await import("../../index.js");
    const registry = await registryOptions(args, [parseDestination(to).registry], session);
    const { signal, onEvent } = session;
    const result = await importFile(args.bundle, {
      ...reading,
      trust,
      to,
      dryRun,
      registry,
      signal,
      onEvent,
      ...concurrency,
    });
    const next = dryRun
      ? [`  sealift import ${bundleWords(args.bundle)} --to ${shellWord(to)}${trustWords(args)}`]
      : arrived(result)
          .slice(0, 1)
          .map(({ destination }) => `  docker pull ${destination}`);
    return {
      result: { bundle, ...result },
      failures: result.images.flatMap(({ name, failure }) => (failure ? [{ image: name, error: failure }] : [])),
      lines: [...resultLines(bundleName(args.bundle), to, result), "", "Next:", ...next],
    };
  },
});

function arrived({ images }: ImportResult): readonly ImportedImage[] {
  return images.filter(({ failure }) => failure === undefined);
}

function resultLines(bundle: string, to: string, result: ImportResult): string[] {
  const { dryRun, signedBy, indexDigest, blobs } = result;
  const count = counted(arrived(result).length, "image");
  const send = dryRun ? "to send" : "sent";
  return [
    dryRun ? `Nothing was sent: ${count} of ${bundle} would go to ${to}` : `Sent ${count} of ${bundle} to ${to}`,
    ...fieldLines(
      [
        ["signed by", signedBy ?? "NOT CHECKED: anybody may have made or changed this bundle"],
        ["index", indexDigest],
        ["blobs", `${blobs.transferred} ${send}: ${exactBytes(blobs.transferredBytes)}`],
        [
          "",
          `${blobs.mounted} ${dryRun ? "to mount" : "mounted"} from another repository, ${blobs.present} there already`,
        ],
        ...(blobs.copied === 0
          ? []
          : [
              [
                "",
                `${blobs.copied} ${dryRun ? "to copy" : "copied"} from another one: ${exactBytes(blobs.copiedBytes)}`,
              ] as const,
            ]),
        ...deltaFields(result.delta, "the registry has them"),
      ],
      2,
    ),
    ...arrived(result).flatMap(({ name, destination, digest, referrers = [] }) => [
      `  ${name}`,
      ...fieldLines(
        [
          [dryRun ? "would be" : "is now", destination],
          ["digest", digest],
          ...(referrers.length === 0 ? [] : [["with", referrerCounts(referrers)] as const]),
        ],
        4,
      ),
    ]),
  ];
}
