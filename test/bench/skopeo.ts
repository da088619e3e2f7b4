import { join } from "node:path";
import type { Command } from "./measure.js";
import type { Workbench } from "./workbench.js";

/** Copies each image of the near registry to an OCI layout of its own, with the blobs of all in one folder. */
export function copyToLayouts({ images, near }: Workbench, folder: string): readonly Command[] {
  return images.map(({ repository, tag }) =>
    skopeoCopy(
      ["--src-tls-verify=false", "--dest-shared-blob-dir", blobFolder(folder)],
      `docker://${near.host}/${repository}:${tag}`,
      layout(folder, repository, tag),
    ),
  );
}

/** Copies what {@link copyToLayouts} wrote to a registry. */
export function copyToRegistry({ images }: Workbench, folder: string, host: string): readonly Command[] {
  return images.map(({ repository, tag }) =>
    skopeoCopy(
      ["--dest-tls-verify=false", "--src-shared-blob-dir", blobFolder(folder)],
      layout(folder, repository, tag),
      `docker://${host}/${repository}:${tag}`,
    ),
  );
}

function skopeoCopy(options: readonly string[], from: string, to: string): Command {
  return { program: "skopeo", args: ["copy", "--quiet", ...options, from, to] };
}

function layout(folder: string, repository: string, tag: string): string {
  return `oci:${join(folder, repository.replaceAll("/", "-"))}:${tag}`;
}

function blobFolder(folder: string): string {
  return join(folder, "blobs");
}
