import { stat } from "node:fs/promises";
import { compare } from "../compare.js";
import { describeSummary, formatSize, ratioLine, unmeasuredLine, verdictOf } from "../line.js";
import { type Command, pinned, processors } from "../measure.js";
import type { Workbench } from "../workbench.js";
import type { Row } from "./row.js";

export const verifyOverOpenssl: Row = {
  name: "verify",
  what: "verify, over openssl dgst, on one core",
  tools: ["openssl", "taskset"],
  async measure(bench, runs) {
    const one = processors().slice(0, 1);
    const bundle = await bench.bundle();
    const openssl: Command = { program: "openssl", args: ["dgst", "-sha256", bundle] };
    const peer = { run: () => bench.measureSettled([pinned(openssl, one)]) };
    const what = `${this.what}, ${formatSize((await stat(bundle)).size)}`;
    return [ratioLine(what, "openssl dgst", await compare(await verifySide(bench, one), peer, runs), 1.2)];
  },
};

export const verifyOnTwoCores: Row = {
  name: "cores",
  what: "verify on two cores, over one",
  tools: ["taskset"],
  async measure(bench, runs) {
    const two = processors().slice(0, 2);
    if (two.length < 2) return [unmeasuredLine(this.what, "one core only")];
    const [ours, peer] = await compare(await verifySide(bench, two), await verifySide(bench, two.slice(0, 1)), runs);
    const ratio = ours.median / peer.median;
    return [
      {
        what: this.what,
        sealift: describeSummary(ours),
        peer: `one core: ${describeSummary(peer)}`,
        ratio: ratio.toFixed(2),
        target: "< 1",
        verdict: verdictOf(ratio < 1),
      },
    ];
  },
};

async function verifySide(bench: Workbench, cores: readonly number[]) {
  const command = pinned(bench.sealift("verify", await bench.bundle()), cores);
  return { run: () => bench.measureSettled([command]) };
}
