import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { addMultiPlatformIndex } from "./multi-platform.js";
import { textOf } from "./process.js";
import { cacheFolder } from "./tools.js";

/** Each image by what is special about it, with its name below the registry. */
export const IMAGES = {
  /** A whole Debian in one layer. */
  base: "team/base:1",
  /** Two more on the same base. */
  node: "team/node:20",
  docs: "team/docs:1",
  /** Twenty layers. */
  twenty: "team/twenty:1",
  /** An index of linux/amd64, linux/arm64 and an attestation, as BuildKit pushes it. */
  multi: "team/multi:1",
  /** Layers of other compressions than gzip. */
  zstd: "team/zstd:1",
  plain: "team/plain:1",
  /** Docker's media types, for layers that `multi` has under OCI's. */
  docker: "other/docker:2.2",
} as const;

export type ImageKind = keyof typeof IMAGES;

/** Makes all images, in `folder`: for each kind the place where skopeo finds it. */
export async function makeImages(folder: string): Promise<Readonly<Record<ImageKind, string>>> {
  const layout = join(folder, "images");
  const root = await debianRoot();
  await textOf("umoci", ["init", "--layout", layout]);
  await makeImage(layout, "base", [[root, "/"]]);
  await addLayer(layout, "base", "node", process.execPath, "/usr/local/bin/node");
  await addLayer(layout, "base", "docs", join(root, "usr/share/doc"), "/srv/doc");

  const trees = await smallTrees(join(root, "usr/share/doc"), 20);
  await makeImage(layout, "twenty", trees);
  await makeImage(layout, "small", trees.slice(0, 3));

  await textOf("umoci", ["config", "--image", `${layout}:small`, "--tag", "arm64", "--architecture", "arm64"]);
  await textOf("umoci", ["config", "--image", `${layout}:small`, "--tag", "amd64", "--architecture", "amd64"]);
  await addLayer(layout, "arm64", "arm64", join(root, "etc"), "/srv/arm64");
  await addLayer(layout, "amd64", "amd64", join(root, "etc"), "/srv/amd64");
  await addMultiPlatformIndex(layout, "multi");

  const from = (tag: string): string => `oci:${layout}:${tag}`;
  return {
    base: from("base"),
    node: from("node"),
    docs: from("docs"),
    twenty: from("twenty"),
    multi: from("multi"),
    zstd: await convert(["--dest-compress-format", "zstd"], from("small"), `oci:${join(folder, "zstd")}:small`),
    plain: await convert(["--dest-decompress"], from("small"), `dir:${join(folder, "plain")}`),
    docker: await convert(["--format", "v2s2"], from("small"), `dir:${join(folder, "docker")}`),
  };
}

/** Pushes an image as it is: no digest changes. */
export async function pushImage(source: string, host: string, name: string): Promise<void> {
  const destination = `docker://${host}/${name}`;
  await textOf("skopeo", ["copy", "--all", "--preserve-digests", "--dest-tls-verify=false", source, destination]);
}

/**
 * A real tree of files: a minimal Debian with its devices, links, and set-uid
 * programs. It takes half a minute to make, so it is kept for the next run.
 */
async function debianRoot(): Promise<string> {
  const cache = cacheFolder("sealift-interop");
  const root = join(cache, "debian-bookworm");
  await mkdir(cache, { recursive: true });
  if (!(await readdir(cache)).includes("debian-bookworm")) {
    const unfinished = `${root}.${process.pid}`;
    await textOf("debootstrap", ["--variant=minbase", "bookworm", unfinished]);
    await rename(unfinished, root).finally(() => rm(unfinished, { recursive: true, force: true }));
  }
  return root;
}

/** The first `count` folders of `folder`, each with a place in an image. */
async function smallTrees(folder: string, count: number): Promise<(readonly [string, string])[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  if (names.length < count) {
    throw new Error(`expected at least ${count} folders in ${folder}, got ${names.length}`);
  }
  return names
    .sort()
    .slice(0, count)
    .map((name) => [join(folder, name), `/srv/${name}`] as const);
}

/** A new image with one layer for each tree, given as where it is and where it goes. */
async function makeImage(layout: string, tag: string, trees: readonly (readonly [string, string])[]): Promise<void> {
  await textOf("umoci", ["new", "--image", `${layout}:${tag}`]);
  for (const [tree, target] of trees) {
    await addLayer(layout, tag, tag, tree, target);
  }
}

async function addLayer(layout: string, from: string, tag: string, tree: string, target: string): Promise<void> {
  await textOf("umoci", ["insert", "--image", `${layout}:${from}`, "--tag", tag, tree, target]);
}

async function convert(options: readonly string[], source: string, destination: string): Promise<string> {
  await textOf("skopeo", ["copy", ...options, source, destination]);
  return destination;
}
