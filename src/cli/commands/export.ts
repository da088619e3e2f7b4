import { existsSync } from "node:fs";
import { SealiftError } from "../../errors/index.js";
import type { ExportToFileResult, Platform, Signer } from "../../index.js";
import type { CliOutput } from "../host.js";
import {
  lastLine,
  MEDIUM_OPTIONS,
  mediumOptions,
  sumsLines,
  volumeFields,
  warnOfReadBack,
  writtenNames,
} from "../medium-options.js";
import { CONCURRENCY_OPTION, parseConcurrency } from "../options.js";
import { readPassword } from "../password.js";
import { minQuota, QUOTA_OPTION } from "../patience.js";
import { MIRROR_OPTIONS, mirrorSettings, REGISTRY_OPTIONS, registryOptions } from "../registry-options.js";
import { deltaFields } from "../render/delta-fields.js";
import { fieldLines } from "../render/fields.js";
import { imageLines } from "../render/image-lines.js";
import { quotaFields } from "../render/quota-fields.js";
import { shellWord } from "../render/shell-word.js";
import { counted, exactBytes } from "../render/units.js";
import { lockFrom, requestedImages } from "../requested-images.js";
import type { Session } from "../session.js";
import { sinceFrom } from "../since.js";
import { sourceDate } from "../source-date.js";
import { defineCommand } from "./command.js";

export const exportCommand = defineCommand({
  name: "export",
  summary: "Pull images from their registries into one signed bundle",
  usage: "IMAGE... -o BUNDLE --key NAME.key [options]",
  operands: {
    image: {
      type: "string",
      array: true,
      describe: "As docker pull takes it: nginx:1.27, host:5000/team/app@sha256:...; or with a pattern: 'nginx:1.27.*'",
    },
  },
  options: {
    output: {
      alias: "o",
      type: "string",
      requiresArg: true,
      demandOption: true,
      describe: "The bundle to write; - is standard output",
    },
    key: { type: "string", requiresArg: true, demandOption: true, describe: "Private key to sign with" },
    platform: {
      type: "string",
      requiresArg: true,
      default: "all",
      describe: "Platforms to carry: all, or a list such as linux/amd64,linux/arm64",
    },
    images: { type: "string", requiresArg: true, describe: "List of images, one in a line; - is standard input" },
    lock: {
      type: "string",
      requiresArg: true,
      describe: "File that says which digests tags have; what it lacks is added",
    },
    locked: { type: "boolean", describe: "Carry only what the lock file covers, and leave it as it is" },
    "no-referrers": {
      type: "boolean",
      default: false,
      describe: "Leave out signatures, attestations and SBOMs that refer to an image",
    },
    since: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "What the far side has: a bundle, its sealift/bundle.json, or an inventory; its layers are left out",
    },
    ...MEDIUM_OPTIONS,
    ...CONCURRENCY_OPTION,
    ...MIRROR_OPTIONS,
    ...REGISTRY_OPTIONS,
    ...QUOTA_OPTION,
  },
  run: async (args, session) => {
    const { output, key } = args;
    const isPiped = output === "-";
    assertOutput(output, session.host.stdout);
    const options = { ...parseConcurrency(args.concurrency), ...createdAt(session.host.env), ...lockFrom(args) };
    const { exportToFile, exportToStream, parseImages, parsePlatform, parseVolumeSize, readSigner } = await import(
      "../../index.js"
    );
    const medium = mediumOptions(args, output, parseVolumeSize);
    const images = await requestedImages(args, session);
    // Nobody should type a password only to learn of a typing error before it.
    const registries = (await parseImages(images, options.lock, isPiped ? undefined : output)).map(
      ({ registry }) => registry,
    );
    const platforms: "all" | Platform[] = args.platform === "all" ? "all" : args.platform.split(",").map(parsePlatform);
    const quota = minQuota(args["min-quota"]);
    const registry = { ...(await registryOptions(args, registries, session)), ...mirrorSettings(args), ...quota };
    const since = await sinceFrom(args.since, session);
    const opening = await openKey(key, session, readSigner);
    const { signal, onEvent } = session;
    const common = {
      images,
      platforms,
      referrers: !args["no-referrers"],
      signer: opening.signer,
      registry,
      signal,
      onEvent,
      ...options,
      ...since,
    };
    const result = isPiped
      ? { ...(await exportToStream({ ...common, output: session.host.stdout })), ...NO_FILE }
      : await exportToFile({ ...common, ...medium, output });
    warnOfReadBack(result, session);
    const signer = await opening.signer;
    return {
      result: { bundle: output, signedBy: signer.keyId, ...result },
      failures: result.failures.map(({ requested, error }) => ({ image: requested, error })),
      lines: isPiped
        ? [...bundleLines("the bundle to standard output", signer.keyId, result), "", PIPE_NOTE]
        : [...bundleLines(output, signer.keyId, result), "", ...nextLines(output, key, result), "", lastLine(result)],
    };
  },
});

/**
 * Begins to open the private key, and resolves once nobody need be asked: it
 * takes a quarter of a second on purpose, in which manifests can be read.
 */
async function openKey(
  key: string,
  session: Session,
  readSigner: (path: string, password: () => Promise<string>) => Promise<Signer>,
): Promise<{ readonly signer: Promise<Signer> }> {
  return await new Promise((resolve, reject) => {
    const signer = readSigner(key, async () => {
      const password = await readPassword(key, session);
      resolve({ signer });
      return password;
    });
    signer.then(() => {
      resolve({ signer });
    }, reject);
  });
}

function assertOutput(output: string, stdout: CliOutput): void {
  if (output === "") {
    throw new SealiftError("USAGE", "expected --output to be a file, got nothing", {
      hint: "name a file, or - for standard output",
    });
  }
  if (output !== "-" || stdout.isTTY !== true) return;
  throw new SealiftError("USAGE", "expected standard output to be a pipe or a file with --output -, got a terminal", {
    hint: "pipe the bundle to who reads it: sealift export ... -o - | ssh HOST sealift import - --to REGISTRY",
  });
}

/** What is known of a file, of a bundle that is none. */
const NO_FILE = { volumes: undefined, safeToRemove: false } as const;

const PIPE_NOTE = "It arrived if the command that reads it says so, and not before.";

function createdAt(env: NodeJS.ProcessEnv): { readonly created?: Date } {
  const created = sourceDate(env);
  return created === undefined ? {} : { created };
}

function bundleLines(output: string, keyId: string, written: ExportToFileResult): string[] {
  const { images, size, indexDigest, quotas, delta } = written;
  return [
    `Wrote ${writtenNames(output, written)} with ${counted(images.length, "image")}`,
    ...fieldLines(
      [
        ["size", exactBytes(size)],
        ...volumeFields(written),
        ["index", indexDigest],
        ["signed by", keyId],
        ...deltaFields(delta),
        ...quotaFields(quotas),
      ],
      2,
    ),
    ...imageLines(images),
    ...(delta === undefined ? [] : DELTA_NOTE),
  ];
}

const DELTA_NOTE = [
  "  This is a delta: sealift import takes it where its base was imported, and docker load does not.",
  "  To load it, make it whole first: sealift merge BASE DELTA -o BUNDLE",
];

function nextLines(output: string, key: string, written: ExportToFileResult): string[] {
  const publicKey = `${key.replace(/\.key$/, "")}.pub`;
  const verify = `  sealift verify ${written.volumes === undefined ? shellWord(output) : "FOLDER..."} --key`;
  const sums = sumsLines(output, written);
  if (existsSync(publicKey)) {
    return ["Next, after carrying it to the far side:", `${verify} ${shellWord(publicKey)}`, ...sums];
  }
  return [
    "Next, after carrying it to the far side, with the public half of the key as NAME.pub:",
    `${verify} NAME.pub`,
    ...sums,
  ];
}
