import { expect, test } from "vitest";
import { imageLines } from "../../../src/cli/render/image-lines.js";
import { digestOf } from "../../../src/oci/index.js";

const ROOT = { mediaType: "application/vnd.oci.image.index.v1+json", digest: digestOf(Buffer.from("root")), size: 4 };

test("platforms that are left out are named, foreign layers counted", () => {
  const omit = (os: string, architecture: string, variant?: string) => ({
    descriptor: { ...ROOT, platform: { os, architecture, ...(variant === undefined ? {} : { variant }) } },
    reason: "platform" as const,
  });
  const omitted = [
    omit("linux", "arm", "v7"),
    omit("windows", "amd64"),
    omit("windows", "amd64"),
    { descriptor: ROOT, reason: "platform" as const },
    { descriptor: ROOT, reason: "foreign-layer" as const },
  ];
  const image = {
    name: "a.io/b:1",
    requested: "b:1",
    source: "a.io/b",
    root: ROOT,
    platforms: ["linux/amd64"],
    omitted,
  };
  expect(imageLines([image])).toEqual([
    "  a.io/b:1",
    `    digest     ${ROOT.digest}`,
    "    platforms  linux/amd64",
    "    left out   4 manifests for linux/arm/v7, windows/amd64, no platform; 1 foreign layer, not to be redistributed",
  ]);
});

test("what is no runnable image has no platforms", () => {
  const image = { name: "a.io/b:1", requested: "b:1", source: "a.io/b", root: ROOT, platforms: [], omitted: [] };
  expect(imageLines([image])).toEqual(["  a.io/b:1", `    digest  ${ROOT.digest}`]);
});
