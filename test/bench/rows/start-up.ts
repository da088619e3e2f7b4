import { compare } from "../compare.js";
import { describeSummary, type Line, verdictOf } from "../line.js";
import { measure } from "../measure.js";
import { sealiftCommand } from "../workbench.js";

const LIMIT_SECONDS = 0.15;

// A tenth of a second each: more runs cost nothing, and even out what else the machine does.
const MIN_RUNS = 10;

/** How long `sealift --version` takes, and how much of it is Node's own. It needs no registry. */
export async function measureStartUp(runs: number): Promise<Line> {
  const version = { run: () => measure([sealiftCommand(["--version"])]) };
  const bareNode = { run: () => measure([{ program: process.execPath, args: ["--eval", "0"] }]) };
  const [ours, peer] = await compare(version, bareNode, Math.max(runs, MIN_RUNS));
  return {
    what: "sealift --version",
    sealift: describeSummary(ours),
    peer: `node --eval 0: ${describeSummary(peer)}`,
    ratio: (ours.median / peer.median).toFixed(2),
    target: `≤ ${LIMIT_SECONDS * 1000} ms`,
    verdict: verdictOf(ours.median <= LIMIT_SECONDS),
  };
}
