import type { Summary } from "./compare.js";

/** One line of the table. */
export interface Line {
  readonly what: string;
  readonly sealift: string;
  readonly peer: string;
  readonly ratio: string;
  readonly target: string;
  readonly verdict: "met" | "MISSED" | "" | `not measured: ${string}`;
}

/** Two sides, and how their medians may relate at most. */
export function ratioLine(
  what: string,
  peerName: string,
  [ours, peer]: readonly [Summary, Summary],
  limit: number,
): Line {
  const ratio = ours.median / peer.median;
  return {
    what,
    sealift: describeSummary(ours),
    peer: `${peerName}: ${describeSummary(peer)}`,
    ratio: ratio.toFixed(2),
    target: `≤ ${limit}`,
    verdict: verdictOf(ratio <= limit),
  };
}

export function describeSummary({ median, min, max, cpuMedian }: Summary): string {
  return `${formatSeconds(median)} (${formatSeconds(min)} – ${formatSeconds(max)}, CPU ${formatSeconds(cpuMedian)})`;
}

export function verdictOf(met: boolean): "met" | "MISSED" {
  return met ? "met" : "MISSED";
}

/** A line that says why there are no figures. */
export function unmeasuredLine(what: string, why: string): Line {
  return { what, sealift: "", peer: "", ratio: "", target: "", verdict: `not measured: ${why}` };
}

/** A table in Markdown, readable as it is. */
export function formatTable(lines: readonly Line[]): string {
  const header = ["", "sealift", "peer", "ratio", "target", "verdict"];
  const rows = lines.map(({ what, sealift, peer, ratio, target, verdict }) => [
    what,
    sealift,
    peer,
    ratio,
    target,
    verdict,
  ]);
  const widths = header.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const format = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [format(header), format(widths.map((width) => "-".repeat(width))), ...rows.map(format)].join("\n");
}

/** `0.73 GB`: decimal, as the targets are stated. */
export function formatSize(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function formatSeconds(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`;
}
