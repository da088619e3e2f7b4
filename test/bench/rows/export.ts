import { join } from "node:path";
import { compare, type Side } from "../compare.js";
import { blobsOf } from "../images.js";
import { ratioLine } from "../line.js";
import type { Command } from "../measure.js";
import { copyToLayouts } from "../skopeo.js";
import type { Workbench } from "../workbench.js";
import type { Row } from "./row.js";

// As many transfers at a time as sealift has by default. skopeo has six, and no option for it.
const CURL_CONCURRENCY = 4;

export const exportOverSkopeo: Row = {
  name: "export-skopeo",
  what: "export, over skopeo copy and tar",
  tools: ["skopeo", "tar"],
  async measure(bench, runs) {
    const peer: Side = {
      run: () => bench.measureInFolder((folder) => [...copyToLayouts(bench, folder), tarOf(folder)]),
    };
    return [ratioLine(this.what, "skopeo copy, tar", await compare(exportSide(bench), peer, runs), 0.5)];
  },
};

export const exportOverCurl: Row = {
  name: "export-curl",
  what: "export, over curl of the same blobs",
  tools: ["curl"],
  async measure(bench, runs) {
    const peer: Side = { run: () => bench.measureInFolder((folder) => [curlBlobs(bench, folder)]) };
    return [ratioLine(this.what, "curl --parallel", await compare(exportSide(bench), peer, runs), 2)];
  },
};

function exportSide(bench: Workbench): Side {
  return {
    run: () =>
      bench.measureInFolder((folder) => [
        bench.sealift("export", ...bench.names, "--output", join(folder, "bundle.tar")),
      ]),
  };
}

function tarOf(folder: string): Command {
  const args = ["--create", "--file", join(folder, "images.tar"), "--exclude=./images.tar", "--directory", folder, "."];
  return { program: "tar", args };
}

function curlBlobs({ images, near }: Workbench, folder: string): Command {
  const transfers = blobsOf(images).flatMap(({ repository, blob }, at) => [
    ...["--output", join(folder, String(at))],
    `http://${near.host}/v2/${repository}/blobs/${blob.digest}`,
  ]);
  const args = ["--fail", "--silent", "--show-error", "--parallel", "--parallel-max", String(CURL_CONCURRENCY)];
  return { program: "curl", args: [...args, ...transfers] };
}
