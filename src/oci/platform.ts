import { quote, SealiftError } from "../errors/index.js";

/** The platform an image runs on (image-spec image-index.md, "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly "os.version"?: string;
}

// One component of os/arch[/variant], as containerd's platforms package takes it:
// https://github.com/containerd/platforms/blob/main/platforms.go
const COMPONENT = /^[A-Za-z0-9_.-]+$/;

/**
 * Reads `os/architecture[/variant]`, for example `linux/arm64` or `linux/arm/v7`.
 *
 * @throws SealiftError `USAGE` if the text has another form.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const [os, architecture, variant] = parts;
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => COMPONENT.test(part)) || !os || !architecture) {
    throw new SealiftError("USAGE", `expected a platform such as linux/amd64 or linux/arm/v7, got ${quote(text)}`, {
      hint: "write it as os/architecture, with commas between several: linux/amd64,linux/arm64",
    });
  }
  return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) });
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/**
 * Whether an image for `offered` is what somebody who asked for `wanted` wants.
 *
 * arm64 is arm64/v8 and arm is arm/v7, as containerd normalises them; a variant
 * that was not asked for does not matter.
 */
export function platformMatches(wanted: Platform, offered: Platform): boolean {
  const [a, b] = [normalizePlatform(wanted), normalizePlatform(offered)];
  if (a.os !== b.os || a.architecture !== b.architecture) return false;
  return a.variant === undefined || a.variant === b.variant;
}

/** Whether this is the placeholder that BuildKit gives attestation manifests. */
export function isUnknownPlatform(platform: Platform): boolean {
  return platform.os === "unknown" && platform.architecture === "unknown";
}

function normalizePlatform(platform: Platform): Platform {
  const [architecture, variant] = normalizeArchitecture(platform);
  const { "os.version": osVersion } = platform;
  return {
    os: platform.os.toLowerCase(),
    architecture,
    ...(variant === "" ? {} : { variant }),
    ...(osVersion === undefined ? {} : { "os.version": osVersion }),
  };
}

const ARM64_VARIANTS = new Map([
  ["8", ""],
  ["v8", ""],
  ["v8.0", ""],
  ["9", "v9"],
  ["9.0", "v9"],
  ["v9.0", "v9"],
]);
const ARM_VARIANTS = new Map([
  ["", "v7"],
  ["5", "v5"],
  ["6", "v6"],
  ["7", "v7"],
  ["8", "v8"],
]);

// What people, uname and GOARCH call an architecture, as GOARCH does: normalizeArch in
// https://github.com/containerd/platforms/blob/main/database.go
function normalizeArchitecture(platform: Platform): readonly [architecture: string, variant: string] {
  const architecture = platform.architecture.toLowerCase();
  const variant = platform.variant?.toLowerCase() ?? "";
  switch (architecture) {
    case "i386":
      return ["386", ""];
    case "x86_64":
    case "x86-64":
    case "amd64":
      return ["amd64", variant === "v1" ? "" : variant];
    case "aarch64":
    case "arm64":
      return ["arm64", ARM64_VARIANTS.get(variant) ?? variant];
    case "armhf":
      return ["arm", "v7"];
    case "armel":
      return ["arm", "v6"];
    case "arm":
      return ["arm", ARM_VARIANTS.get(variant) ?? variant];
    default:
      return [architecture, variant];
  }
}
