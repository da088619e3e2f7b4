/**
 * How fast Sealift is, and how much memory it takes: ratios to what others take
 * for the same bytes, measured in turn in one run. It ends with 0 whatever the
 * figures are; they are no test.
 *
 *     npm run bench -- [--runs N] [--size MB] [--large] [--only ROW]
 *
 * It writes some times the size of the images below TMPDIR, and five gigabytes
 * three times with --large.
 */
import { hasTool } from "../support/interop/tools.js";
import { textOf } from "../support/interop/process.js";
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
const START_UP = "version";
const LARGE_SIZE = 5e9;

const options = parseOptions(process.argv.slice(2), [...ROWS.map(({ name }) => name), START_UP]);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

say("building");
await textOf("npm", ["run", "build"]);
const facts = await machineFacts();
const wanted = ROWS.filter(({ name }) => options.only === undefined || options.only === name);
const lines: Line[] = [];
if (wanted.length > 0) lines.push(...(await measureRows(wanted, options.size, options.runs)));
// One run, and no other rows: what is asked of gigabytes is that they take no more memory.
if (options.large && wanted.includes(memory)) lines.push(...(await measureRows([memory], LARGE_SIZE, 1)));
if (options.only === undefined || options.only === START_UP) {
  say(START_UP);
  lines.push(await measureStartUp(options.runs));
}
console.log(`${facts.join("\n")}\n
Medians of ${options.runs} runs (least – most, processor time), after one to warm up.\n
${formatTable(lines)}`);

async function measureRows(rows: readonly Row[], size: number, runs: number): Promise<readonly Line[]> {
  if (!hasTool("docker-registry"))
    return rows.map(({ what }) => unmeasuredLine(what, "docker-registry is not installed"));
  say(`pushing images of ${size / 1e6} MB`);
  await using bench = await Workbench.open(size);
  const measured: Line[] = [];
  for (const row of rows) {
    say(row.name);
    const missing = row.tools.filter((tool) => !hasTool(tool));
    if (missing.length > 0) measured.push(unmeasuredLine(row.what, `${missing.join(" and ")} not installed`));
    else measured.push(...(await row.measure(bench, runs)));
  }
  return measured;
}

function say(text: string): void {
  console.error(`bench: ${text}`);
}
