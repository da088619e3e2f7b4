import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { quote, SealiftError } from "../../errors/index.js";
import { errnoOf, mediumError } from "../../io/index.js";
import { formatRepository, parseDestination, type Reference } from "../../oci/index.js";
import type { Places } from "../surroundings.js";
import { configInvalid, parseToml, readConfigFile, shown } from "./config-file.js";
import { type Endpoint, endpointsAt } from "./endpoint.js";

// https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md
const mirrorSchema = z.object({
  location: z.string().min(1),
  insecure: z.boolean().default(false),
  "pull-from-mirror": z.enum(["all", "digest-only", "tag-only", ""]).default(""),
});

const registrySchema = z.object({
  prefix: z.string().default(""),
  location: z.string().default(""),
  insecure: z.boolean().default(false),
  blocked: z.boolean().default(false),
  "mirror-by-digest-only": z.boolean().default(false),
  mirror: z.array(mirrorSchema).default([]),
});

const namesSchema = z.object({ registries: z.array(z.string()).default([]) }).default({ registries: [] });

const fileSchema = z.object({
  registry: z.array(registrySchema).default([]),
  // Version 1 of the format.
  registries: z.object({ insecure: namesSchema, block: namesSchema }).optional(),
});

type Mirror = z.infer<typeof mirrorSchema>;

/** What a file says of the images whose names begin with `prefix`. */
interface Rule extends z.infer<typeof registrySchema> {
  readonly path: string;
}

/** Podman's and skopeo's configuration of registries. */
export class RegistriesConf {
  readonly #rules: ReadonlyMap<string, Rule>;

  private constructor(rules: ReadonlyMap<string, Rule>) {
    this.#rules = rules;
  }

  /**
   * Reads the file that CONTAINERS_REGISTRIES_CONF names, else the user's, else
   * the system's; then the `registries.conf.d` that belong to it.
   *
   * @throws SealiftError `CONFIG_INVALID`, `FILE_NOT_FOUND` (what the environment names).
   */
  static async read(places: Places): Promise<RegistriesConf> {
    const rules = new Map<string, Rule>();
    for await (const { path, bytes } of filesOf(places)) {
      const inFile = new Map<string, Rule>();
      for (const rule of parseRules(bytes, path)) if (!inFile.has(rule.prefix)) inFile.set(rule.prefix, rule);
      for (const [prefix, rule] of inFile) rules.set(prefix, rule);
    }
    return new RegistriesConf(rules);
  }

  /**
   * Where to look for what a reference names, mirrors first; undefined if nothing is said of it.
   *
   * @param plainHttp - With which hosts plain HTTP is spoken where the reference's own registry is meant.
   * @throws SealiftError `DENIED` if it is blocked; `CONFIG_INVALID`.
   */
  endpointsOf(reference: Reference, plainHttp: (host: string) => boolean): Endpoint[] | undefined {
    const name = formatRepository(reference);
    const rule = longest([...this.#rules.values()].filter(({ prefix }) => matchLength(name, prefix) > 0));
    if (rule === undefined) return undefined;
    if (rule.blocked) {
      throw new SealiftError("DENIED", `expected to read ${name}, which ${quote(rule.path)} blocks`, {
        hint: "take the image from a registry that is allowed here, or have the rule changed",
      });
    }
    const mirrors = rule.mirror.flatMap((mirror) => mirrorEndpoints(mirror, rule, name, reference));
    const { registry, repository } = relocate(name, rule, rule.location);
    const { insecure: isInsecure } = rule;
    const own = registry === reference.registry ? { isInsecure, plainHttp } : { isInsecure };
    return [...mirrors, ...endpointsAt(registry, repository, own)];
  }
}

function mirrorEndpoints(mirror: Mirror, rule: Rule, name: string, { digest }: Reference): Endpoint[] {
  const kind = rule["mirror-by-digest-only"] ? "digest-only" : mirror["pull-from-mirror"];
  if (kind === "tag-only" && digest !== undefined) return [];
  const { registry, repository } = relocate(name, rule, mirror.location);
  // What a tag means is asked elsewhere then; what it meant can come from here.
  const resolves = kind !== "digest-only" || digest !== undefined;
  return endpointsAt(registry, repository, { resolves, isInsecure: mirror.insecure });
}

function longest(rules: readonly Rule[]): Rule | undefined {
  return rules.reduce<Rule | undefined>(
    (found, rule) => (found === undefined || rule.prefix.length > found.prefix.length ? rule : found),
    undefined,
  );
}

/** How much of a name a prefix covers: whole components of its path; 0 if it is of another name. */
function matchLength(name: string, prefix: string): number {
  if (!prefix.startsWith("*.")) return name === prefix || name.startsWith(`${prefix}/`) ? prefix.length : 0;
  const [registry = ""] = name.split("/", 1);
  return registry.endsWith(prefix.slice(1)) && registry.length >= prefix.length ? registry.length : 0;
}

function relocate(name: string, rule: Rule, location: string): { registry: string; repository: string } {
  const moved = location === "" ? name : `${location}${name.slice(matchLength(name, rule.prefix))}`;
  try {
    const { registry, prefix: repository } = parseDestination(moved);
    if (repository !== "") return { registry, repository };
  } catch {
    // It is said below, with the file that it is in.
  }
  throw configInvalid(rule.path, `expected a location that makes ${name} another repository, got ${shown(location)}`);
}

function parseRules(bytes: Uint8Array, path: string): Rule[] {
  const { registry, registries } = parseToml(bytes, fileSchema, path);
  const ofVersion1 = [...(registries?.insecure.registries ?? []), ...(registries?.block.registries ?? [])];
  if (ofVersion1.length > 0)
    throw configInvalid(path, "expected version 2 of its format ([[registry]]), got version 1");
  return registry.map((stated) => {
    const location = cleaned(stated.location, path);
    const prefix = cleaned(stated.prefix, path) || location;
    if (prefix === "" || (location === "" && !prefix.startsWith("*."))) {
      throw configInvalid(path, "expected a location for each registry, got none");
    }
    if (prefix.startsWith("*.") && /[/@:]/.test(prefix)) {
      throw configInvalid(path, `expected a prefix like *.example.com, got ${shown(prefix)}`);
    }
    const mirror = stated.mirror.map((one) => ({ ...one, location: cleaned(one.location, path) }));
    return { ...stated, location, prefix, mirror, path };
  });
}

function cleaned(location: string, path: string): string {
  if (!/^https?:\/\//.test(location)) return location.replace(/\/+$/, "");
  throw configInvalid(path, "expected prefixes and locations without https:// or http://, got one with it");
}

async function* filesOf(places: Places): AsyncGenerator<{ readonly path: string; readonly bytes: Uint8Array }> {
  const named = places.env["CONTAINERS_REGISTRIES_CONF"] || undefined;
  const userPath = places.home(".config/containers/registries.conf");
  const ofUser = named === undefined ? await readConfigFile(userPath) : undefined;
  const path = named ?? (ofUser === undefined ? places.system("etc/containers/registries.conf") : userPath);
  const bytes = ofUser ?? (await readConfigFile(path));
  if (bytes !== undefined) yield { path, bytes };
  else if (named !== undefined) {
    throw new SealiftError("FILE_NOT_FOUND", `expected the file ${quote(named)}, which is not there`, {
      hint: "correct CONTAINERS_REGISTRIES_CONF, or unset it",
    });
  }
  const folders = [
    // A user's own file stands for all that the system says.
    ...(ofUser === undefined ? [places.system("etc/containers/registries.conf.d")] : []),
    places.home(".config/containers/registries.conf.d"),
  ];
  for (const folder of folders) {
    for (const name of await namesIn(folder)) {
      const dropIn = await readConfigFile(join(folder, name));
      if (dropIn !== undefined) yield { path: join(folder, name), bytes: dropIn };
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => entry.name.endsWith(".conf") && !entry.isDirectory());
    return files.map(({ name }) => name).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw mediumError(error, "read", folder);
  }
}
