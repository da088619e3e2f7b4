import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { formatSize, type Line, verdictOf } from "../line.js";
import type { Measured } from "../measure.js";
import type { Row } from "./row.js";

// Decimal, as the target is stated.
const MB = 1e6;
const LIMIT = 200 * MB;

export const memory: Row = {
  name: "memory",
  what: "peak memory",
  tools: [],
  async measure(bench, runs) {
    const folder = await mkdtemp(bench.path("memory-"));
    const bundle = join(folder, "bundle.tar");
    const steps: readonly (readonly [string, () => Promise<Measured>])[] = [
      ["export", () => bench.measureSettled([bench.sealift("export", ...bench.names, "--output", bundle)])],
      ["verify", () => bench.measureSettled([bench.sealift("verify", bundle)])],
      ["verify --deep", () => bench.measureSettled([bench.sealift("verify", bundle, "--deep")])],
      ["import", () => bench.measureIntoRegistry((host) => [bench.sealift("import", bundle, "--to", host)])],
      ["export -o -", () => bench.measureSettled([bench.sealift("export", ...bench.names, "--output", "-")])],
      ["verify -", () => bench.measureSettled([{ ...bench.sealift("verify", "-"), stdin: bundle }])],
      [
        "import -",
        () => bench.measureIntoRegistry((host) => [{ ...bench.sealift("import", "-", "--to", host), stdin: bundle }]),
      ],
    ];
    const lines: Line[] = [];
    for (const [verb, run] of steps) {
      const peaks: number[] = [];
      for (let count = 0; count < runs; count += 1) peaks.push((await run()).peakBytes);
      const { size } = await stat(bundle);
      lines.push(peakLine(`${this.what} of ${verb}, ${formatSize(size)}`, Math.max(...peaks)));
    }
    await rm(folder, { recursive: true });
    return lines;
  },
};

function peakLine(what: string, peakBytes: number): Line {
  return {
    what,
    sealift: `${Math.ceil(peakBytes / MB)} MB`,
    peer: "",
    ratio: "",
    target: `≤ ${LIMIT / MB} MB`,
    verdict: verdictOf(peakBytes <= LIMIT),
  };
}
