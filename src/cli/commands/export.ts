import { existsSync } from "node:fs";
import { SealiftError } from "../../errors/index.js";
import type { ExportToFileResult, Platform, Signer } from "../../index.js";
import { CONCURRENCY_OPTION, parseConcurrency } from "../options.js";
import { readPassword } from "../password.js";
import { minQuota, QUOTA_OPTION } from "../patience.js";
import { MIRROR_OPTIONS, mirrorSettings, REGISTRY_OPTIONS, registryOptions } from "../registry-options.js";
import { fieldLines } from "../render/fields.js";
import { imageLines } from "../render/image-lines.js";
import { quotaFields } from "../render/quota-fields.js";
import { shellWord } from "../render/shell-word.js";
import { counted, exactBytes } from "../render/units.js";
import type { Session } from "../session.js";
import { lockFrom, requestedImages } from "../requested-images.js";
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
    output: { alias: "o", type: "string", requiresArg: true, demandOption: true, describe: "The bundle to write" },
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
    ...CONCURRENCY_OPTION,
    ...MIRROR_OPTIONS,
    ...REGISTRY_OPTIONS,
    ...QUOTA_OPTION,
  },
  run: async (args, session) => {
    const { output, key } = args;
    assertFileName(output);
    const options = { ...parseConcurrency(args.concurrency), ...createdAt(session.host.env), ...lockFrom(args) };
    const { exportToFile, parseImages, parsePlatform, readSigner } = await import("../../index.js");
    const images = await requestedImages(args, session);
    // Nobody should type a password only to learn of a typing error before it.
    const registries = (await parseImages(images, options.lock, output)).map(({ registry }) => registry);
    const platforms: "all" | Platform[] = args.platform === "all" ? "all" : args.platform.split(",").map(parsePlatform);
    const quota = minQuota(args["min-quota"]);
    const registry = { ...(await registryOptions(args, registries, session)), ...mirrorSettings(args), ...quota };
    const opening = await openKey(key, session, readSigner);
    const { signal, onEvent } = session;
    const result = await exportToFile({
      images,
      output,
      platforms,
      referrers: !args["no-referrers"],
      signer: opening.signer,
      registry,
      signal,
      onEvent,
      ...options,
    });
    const signer = await opening.signer;
    return {
      result: { bundle: output, signedBy: signer.keyId, ...result },
      failures: result.failures.map(({ requested, error }) => ({ image: requested, error })),
      lines: [...bundleLines(output, signer.keyId, result), "", ...nextLines(output, key)],
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

// Other tools take `-` for stdout.
function assertFileName(output: string): void {
  if (output === "")
    throw new SealiftError("USAGE", "expected --output to be a file, got nothing", { hint: "name a file" });
  if (output !== "-") return;
  throw new SealiftError("USAGE", 'expected --output to be a file, got "-": a bundle is not written to a stream', {
    hint: "name a file; one that is really called - is ./-",
  });
}

function createdAt(env: NodeJS.ProcessEnv): { readonly created?: Date } {
  const created = sourceDate(env);
  return created === undefined ? {} : { created };
}

function bundleLines(
  output: string,
  keyId: string,
  { images, size, indexDigest, quotas }: ExportToFileResult,
): string[] {
  return [
    `Wrote ${output} with ${counted(images.length, "image")}`,
    ...fieldLines(
      [["size", exactBytes(size)], ["index", indexDigest], ["signed by", keyId], ...quotaFields(quotas)],
      2,
    ),
    ...imageLines(images),
  ];
}

function nextLines(output: string, key: string): string[] {
  const publicKey = `${key.replace(/\.key$/, "")}.pub`;
  const verify = `  sealift verify ${shellWord(output)} --key`;
  if (existsSync(publicKey)) return ["Next, after carrying it to the far side:", `${verify} ${shellWord(publicKey)}`];
  return [
    "Next, after carrying it to the far side, with the public half of the key as NAME.pub:",
    `${verify} NAME.pub`,
  ];
}
