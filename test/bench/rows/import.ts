import { mkdir } from "node:fs/promises";
import { compare } from "../compare.js";
import { ratioLine } from "../line.js";
import { measure } from "../measure.js";
import { copyToLayouts, copyToRegistry } from "../skopeo.js";
import type { Row } from "./row.js";

export const importOverSkopeo: Row = {
  name: "import",
  what: "import, over skopeo copy back",
  tools: ["skopeo"],
  async measure(bench, runs) {
    const layouts = bench.path("layouts");
    await mkdir(layouts);
    await measure(copyToLayouts(bench, layouts));
    const bundle = await bench.bundle();
    const ours = { run: () => bench.measureIntoRegistry((host) => [bench.sealift("import", bundle, "--to", host)]) };
    const peer = { run: () => bench.measureIntoRegistry((host) => copyToRegistry(bench, layouts, host)) };
    return [ratioLine(this.what, "skopeo copy", await compare(ours, peer, runs), 0.8)];
  },
};
