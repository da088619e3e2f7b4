import { SealiftError } from "../../errors/index.js";
import type { InventoryToFileResult } from "../../index.js";
import { assertFileName, CONCURRENCY_OPTION, parseConcurrency } from "../options.js";
import { REGISTRY_OPTIONS, registryOptions } from "../registry-options.js";
import { fieldLines } from "../render/fields.js";
import { shellWord } from "../render/shell-word.js";
import { counted, exactBytes } from "../render/units.js";
import { sourceDate } from "../source-date.js";
import { defineCommand } from "./command.js";

export const inventory = defineCommand({
  name: "inventory",
  summary: "Write down what a registry has, so that export --since leaves it out",
  usage: "REGISTRY[/PREFIX]... -o INVENTORY [options]",
  operands: {
    place: {
      type: "string",
      array: true,
      demandOption: true,
      describe: "reg.internal for all that it lists, reg.internal/mirror for what is below, or one repository",
    },
  },
  options: {
    output: { alias: "o", type: "string", requiresArg: true, demandOption: true, describe: "The file to write" },
    ...CONCURRENCY_OPTION,
    ...REGISTRY_OPTIONS,
  },
  run: async (args, session) => {
    const { place: places, output } = args;
    assertFileName("--output", output);
    const concurrency = parseConcurrency(args.concurrency);
    const created = sourceDate(session.host.env);
    const { inventoryToFile, parseDestination } = await import("../../index.js");
    const registries = places.map((place) => parseDestination(place).registry);
    const registry = await registryOptions(args, registries, session);
    const { signal, onEvent } = session;
    const result = await inventoryToFile(places, {
      output,
      registry,
      signal,
      onEvent,
      ...concurrency,
      ...(created && { created }),
    });
    return {
      result: { inventory: output, ...result },
      failures: result.failures.map(({ repository, error }) => ({ image: repository, error })),
      error: partialError(output, result),
      lines: [
        ...inventoryLines(output, result),
        "",
        "Next, after carrying it to the near side:",
        `  sealift export IMAGE... -o DELTA --key NAME.key --since ${shellWord(output)}`,
      ],
    };
  },
});

function partialError(output: string, { failed }: InventoryToFileResult): SealiftError | undefined {
  if (failed === 0) return undefined;
  return new SealiftError(
    "PARTIAL",
    `expected every repository to be read, but ${failed} failed; the others are in ${output}`,
    { hint: "it can be used as it is: what it lacks is only carried once more" },
  );
}

// The most repositories that are pleasant to read; the file has all.
const MAX_SHOWN = 20;

function inventoryLines(output: string, { registry, repositories }: InventoryToFileResult): string[] {
  const sum = (member: "blobs" | "bytes") => repositories.reduce((all, repository) => all + repository[member], 0);
  const more = repositories.length - MAX_SHOWN;
  return [
    `Wrote ${output}: ${registry} has ${counted(sum("blobs"), "blob")} in ${countedRepositories(repositories.length)}`,
    ...fieldLines(
      repositories
        .slice(0, MAX_SHOWN)
        .map(({ name, blobs, bytes }) => [name, `${counted(blobs, "blob")}: ${exactBytes(bytes)}`] as const),
      2,
    ),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function countedRepositories(count: number): string {
  return count === 1 ? "1 repository" : `${count} repositories`;
}
