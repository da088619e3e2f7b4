import type { BundleImage, InspectResult } from "../../index.js";
import { TRUST_OPTIONS } from "../options.js";
import { BUNDLE_OPERAND, bundleName, readingOptions } from "../reading.js";
import { bundleFields } from "../render/bundle-fields.js";
import { deltaFields } from "../render/delta-fields.js";
import { fieldLines } from "../render/fields.js";
import { imageLines } from "../render/image-lines.js";
import { referrerFields, referrerKind } from "../render/referrers.js";
import { counted, exactBytes } from "../render/units.js";
import { trustToLook } from "../trust.js";
import { defineCommand } from "./command.js";

export const inspect = defineCommand({
  name: "inspect",
  summary: "Show what a bundle says of itself; of its content, nothing is checked",
  usage: "BUNDLE... [--key NAME.pub] [options]",
  operands: { bundle: BUNDLE_OPERAND },
  options: TRUST_OPTIONS,
  run: async (args, session) => {
    const bundle = args.bundle.join(" ");
    const trust = await trustToLook(args, session);
    const { inspectFile } = await import("../../index.js");
    const result = await inspectFile(args.bundle, trust, {
      ...readingOptions({ bundle: args.bundle }, session),
      signal: session.signal,
      onEvent: session.onEvent,
    });
    return {
      result: {
        bundle,
        signatureChecked: result.signedBy !== undefined,
        ...result,
        referrers: result.index.images.flatMap(({ name, referrers = [] }) =>
          referrers.map((referrer) => ({ image: name, kind: referrerKind(referrer), ...referrer })),
        ),
      },
      failures: [],
      lines: inspectLines(bundleName(args.bundle), result),
    };
  },
});

function inspectLines(bundle: string, result: InspectResult): string[] {
  const { index, fileSize, size, signedBy } = result;
  return [
    `${bundle} says that it holds ${counted(index.images.length, "image")} in ${index.entries.length} entries`,
    ...fieldLines(
      [
        ...bundleFields({ ...result, identity: index.identity }),
        ...deltaFields(result.delta),
        ...(signedBy === undefined ? [["key id", `${index.keyId}, as the bundle says`] as const] : []),
        ...(fileSize === undefined || fileSize === size
          ? []
          : [["file size", `${exactBytes(fileSize)}: it is not whole, or was changed`] as const]),
      ],
      2,
    ),
    ...imageLines(index.images),
    ...index.images.flatMap(referrerLines),
  ];
}

function referrerLines({ name, root, referrers = [] }: BundleImage): string[] {
  if (referrers.length === 0) return [];
  return [`  What comes with ${name}`, ...fieldLines(referrerFields(referrers, root.digest), 4)];
}
