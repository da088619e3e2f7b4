import { quote, SealiftError } from "../errors/index.js";

/** The platform an image runs on (image-spec image-index.md, "platform"). */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
}

// One component of os/arch[/variant], as containerd's platforms package takes it:
// https://github.com/containerd/platforms/blob/main/platforms.go
const COMPONENT = /^[A-Za-z0-9_.-]+$/;

// Names people and uname use, by what GOARCH calls them
// (https://github.com/containerd/platforms/blob/main/database.go).
const ARCHITECTURE_ALIASES: Readonly<Record<string, readonly [architecture: string, variant?: string]>> = {
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  aarch64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  i386: ["386"],
};

/**
 * Reads `os/architecture[/variant]`, for example `linux/arm64` or `linux/arm/v7`.
 *
 * @throws SealiftError `USAGE` if the text has another form.
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  const [os, architecture, variant] = parts;
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => COMPONENT.test(part)) || !os || !architecture) {
    throw new SealiftError("USAGE", `expected a platform such as linux/amd64 or linux/arm/v7, got ${quote(text)}`);
  }
  return normalizePlatform({
    os: os.toLowerCase(),
    architecture: architecture.toLowerCase(),
    ...(variant === undefined ? {} : { variant: variant.toLowerCase() }),
  });
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
  const [architecture, aliasVariant] = ARCHITECTURE_ALIASES[platform.architecture] ?? [platform.architecture];
  let variant = platform.variant ?? aliasVariant;
  if (architecture === "arm64" && (variant === "v8" || variant === "8")) variant = undefined;
  if (architecture === "arm" && variant === undefined) variant = "v7";
  if (architecture === "amd64" && variant === "v1") variant = undefined;
  const { os, osVersion } = platform;
  return {
    os,
    architecture,
    ...(variant === undefined ? {} : { variant }),
    ...(osVersion === undefined ? {} : { osVersion }),
  };
}
