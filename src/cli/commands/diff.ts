import type {
  AddedImage,
  BlobTally,
  ChangedImage,
  Changes,
  ComparedBundle,
  ComparedImage,
  DiffResult,
} from "../../index.js";
import { TRUST_OPTIONS } from "../options.js";
import { type Field, fieldLines } from "../render/fields.js";
import { counted, exactBytes } from "../render/units.js";
import { trustToLook } from "../trust.js";
import { defineCommand } from "./command.js";

export const diff = defineCommand({
  name: "diff",
  summary: "Say what changed from one bundle to another; layers are not read",
  usage: "BUNDLE NEWER [--key NAME.pub] [options]",
  operands: {
    bundle: { type: "string", demandOption: true, describe: "The earlier bundle" },
    newer: { type: "string", demandOption: true, describe: "The later one" },
  },
  options: TRUST_OPTIONS,
  run: async (args, session) => {
    const { bundle, newer } = args;
    const trust = await trustToLook(args, session);
    const { diffFiles } = await import("../../index.js");
    const { signal, onEvent } = session;
    const { before, after, ...rest } = await diffFiles(bundle, newer, { trust, signal, onEvent });
    return {
      result: { before: { bundle, ...before }, after: { bundle: newer, ...after }, ...rest },
      failures: [],
      lines: diffLines(bundle, newer, { before, after, ...rest }),
    };
  },
});

function diffLines(bundle: string, newer: string, { before, after, images, blobs, delta }: DiffResult): string[] {
  const { added, removed, changed, unchanged } = images;
  return [
    `From ${bundle} to ${newer}: ${counted(added.length, "image")} added, ${removed.length} removed, ${changed.length} changed, ${unchanged.length} as before`,
    ...fieldLines(
      [
        ["earlier", bundleText(before)],
        ["later", bundleText(after)],
        ["blobs", `${tallyText(blobs.onlyBefore)} in the earlier one only`],
        ["", `${tallyText(blobs.onlyAfter)} in the later one only`],
        ["", `${tallyText(blobs.both)} in both`],
        ["as a delta", `${tallyText(delta.carried)} to carry, ${tallyText(delta.leftOut)} left out`],
      ],
      2,
    ),
    ...added.flatMap((image) => [`+ ${image.name}`, ...fieldLines(addedFields(image), 4)]),
    ...removed.flatMap((image) => [`- ${image.name}`, ...fieldLines(imageFields(image), 4)]),
    ...changed.flatMap((image) => [`~ ${image.name}`, ...fieldLines(changedFields(image), 4)]),
  ];
}

function bundleText({ identity: { created, serial, stream }, signedBy, isDelta }: ComparedBundle): string {
  const form = isDelta ? ", a delta" : "";
  const signature = signedBy === undefined ? "signature NOT CHECKED" : `signed by ${signedBy}`;
  return `made ${created}, number ${serial} of ${stream}${form}; ${signature}`;
}

function imageFields({ digest, platforms }: ComparedImage): Field[] {
  return [["digest", digest], ...(platforms.length === 0 ? [] : [["platforms", platforms.join(", ")] as const])];
}

function addedFields(image: AddedImage): Field[] {
  return [...imageFields(image), ["new", tallyText(image.newBlobs)]];
}

function changedFields({ digest, platforms, referrers, newBlobs }: ChangedImage): Field[] {
  const isSame = digest.before === digest.after;
  return [
    ...(isSame
      ? [["digest", `${digest.after}, as before`] as const]
      : [["was", digest.before] as const, ["is now", digest.after] as const]),
    ...changeFields("platforms", platforms),
    ...changeFields("referrers", referrers),
    ["new", tallyText(newBlobs)],
  ];
}

function changeFields(name: string, { added, removed }: Changes<string>): Field[] {
  const changes = [...added.map((item) => `+ ${item}`), ...removed.map((item) => `- ${item}`)];
  return changes.map((change, position) => [position === 0 ? name : "", change]);
}

function tallyText({ blobs, bytes }: BlobTally): string {
  return `${counted(blobs, "blob")}, ${exactBytes(bytes)}`;
}
