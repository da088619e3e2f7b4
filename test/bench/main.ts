/**
 * How fast Sealift is, and how much memory it takes: ratios to what others take
 * for the same bytes, measured in turn in one run. It ends with 0 whatever the
 * figures are; they are no test.
 *
 *     npm run bench -- [--runs N] [--size MB] [--large] [--only ROW]
 *
 * It writes five times the size of the images below TMPDIR at most, and cleans
 * up; with --large, 15 GB. It is for Linux: it reads /proc.
 */

import { textOf } from "../support/interop/process.js";
import { hasTool } from "../support/interop/tools.js";
import { formatTable, type Line, unmeasuredLine } from "./line.js";
import { machineFacts } from "./machine.js";
import { parseOptions } from "./options.js";
import { exportOverCurl, exportOverSkopeo } from "./rows/export.js";
import { importOverSkopeo } from "./rows/import.js";
import { memory } from "./rows/memory.js";
import type { Row } from "./rows/row.js";
import { measureStartUp } from "./rows/start-up.js";
import { verifyOnTwoCores, verifyOverOpenssl } from "./rows/verify.js";
import { Workbench } from "./workbench.js";

const ROWS: readonly Row[] = [
  exportOverSkopeo,
  exportOverCurl,
  importOverSkopeo,
  verifyOverOpenssl,
  verifyOnTwoCores,
  memory,
];
// At this size memory must be what it is at others, and starting up no longer counts.
const LARGE_ROWS: readonly Row[] = [verifyOverOpenssl, memory];
const LARGE_SIZE = 5e9;
const START_UP = "version";

const options = parseOptions(process.argv.slice(2), [...ROWS.map(({ name }) => name), START_UP]);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

say("building");
await textOf("npm", ["run", "build"]);
const facts = await machineFacts();
const lines = await measureRows(ROWS.filter(isWanted), options.size);
if (options.large) lines.push(...(await measureRows(LARGE_ROWS.filter(isWanted), LARGE_SIZE)));
if (isWanted({ name: START_UP })) {
  say(START_UP);
  lines.push(await measureStartUp(options.runs));
}
console.log(`${facts.join("\n")}\n
Medians of ${options.runs} runs (least – most, processor time), after one to warm up. Sealift and curl
transfer 4 blobs at a time; skopeo 6, which cannot be chosen.\n
${formatTable(lines)}`);

function isWanted({ name }: { readonly name: string }): boolean {
  return options.only === undefined || options.only === name;
}

async function measureRows(rows: readonly Row[], size: number): Promise<Line[]> {
  if (rows.length === 0) return [];
  if (!hasTool("docker-registry"))
    return rows.map(({ what }) => unmeasuredLine(what, "docker-registry is not installed"));
  say(`pushing images of ${size / 1e6} MB`);
  await using bench = await Workbench.open(size);
  const measured: Line[] = [];
  for (const row of rows) {
    say(row.name);
    const missing = row.tools.filter((tool) => !hasTool(tool));
    if (missing.length > 0) measured.push(unmeasuredLine(row.what, `${missing.join(" and ")} not installed`));
    else measured.push(...(await row.measure(bench, options.runs)));
  }
  return measured;
}

function say(text: string): void {
  console.error(`bench: ${text}`);
}
