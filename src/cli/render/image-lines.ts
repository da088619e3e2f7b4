import type { BundleImage, Omission } from "../../index.js";
import { type Field, fieldLines } from "./fields.js";
import { referrerCounts } from "./referrers.js";
import { counted } from "./units.js";

/** The images of a bundle: name, digest, platforms, what refers to them, and what the bundle leaves out. */
export function imageLines(images: readonly BundleImage[]): string[] {
  return images.flatMap(({ name, root, platforms, referrers = [], omitted }) => {
    const fields: Field[] = [["digest", root.digest]];
    if (platforms.length > 0) fields.push(["platforms", platforms.join(", ")]);
    if (referrers.length > 0) fields.push(["with", referrerCounts(referrers)]);
    if (omitted.length > 0) fields.push(["left out", omissionText(omitted)]);
    return [`  ${name}`, ...fieldLines(fields, 4)];
  });
}

function omissionText(omitted: readonly Omission[]): string {
  const manifests = omitted.filter(({ reason }) => reason === "platform");
  const layers = omitted.length - manifests.length;
  const platforms = new Set(manifests.map(platformName));
  return [
    ...(manifests.length === 0 ? [] : [`${counted(manifests.length, "manifest")} for ${[...platforms].join(", ")}`]),
    ...(layers === 0 ? [] : [`${counted(layers, "foreign layer")}, not to be redistributed`]),
  ].join("; ");
}

function platformName({ descriptor: { platform } }: Omission): string {
  if (platform === undefined) return "no platform";
  return [platform.os, platform.architecture, platform.variant ?? []].flat().join("/");
}
