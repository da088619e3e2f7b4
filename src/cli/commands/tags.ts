import { MIRROR_OPTIONS, mirrorSettings, REGISTRY_OPTIONS, registryOptions } from "../registry-options.js";
import { defineCommand } from "./command.js";

export const tags = defineCommand({
  name: "tags",
  summary: "List the tags of a repository, or those that a pattern stands for",
  usage: "REPOSITORY[:PATTERN] [options]",
  operands: {
    repository: {
      type: "string",
      demandOption: true,
      describe: "ghcr.io/team/app, or with a pattern as export takes it: 'nginx:1.27.*', nginx:~1.27@newest=3",
    },
  },
  options: { ...MIRROR_OPTIONS, ...REGISTRY_OPTIONS },
  run: async (args, session) => {
    const { listRepositoryTags, parseImages } = await import("../../index.js");
    const registries = (await parseImages([args.repository])).map(({ registry }) => registry);
    const registry = { ...(await registryOptions(args, registries, session)), ...mirrorSettings(args) };
    const { signal, onEvent } = session;
    const result = await listRepositoryTags(args.repository, { registry, signal, onEvent });
    return { result, failures: [], lines: result.tags };
  },
});
