import { encodeInventory, MAX_INVENTORY_SIZE, parseInventory } from "./bundle/format/index.js";
import { DEFAULT_CONCURRENCY, type RegistryOptions } from "./composition.js";
import { isSealiftError, quote, SealiftError } from "./errors/index.js";
import { readSmallFileIfThere, replaceFile } from "./io/index.js";
import { parseDestination } from "./oci/index.js";
import { type InventoryFailure, takeInventory } from "./operations/index.js";

/** What {@link inventoryToFile} takes. */
export interface InventoryToFileOptions extends RegistryOptions {
  /** Where it is written. An inventory that is there is replaced. */
  readonly output: string;
  /** How many requests run at the same time. */
  readonly concurrency?: number;
  /** When it is said to be made; by default, now. */
  readonly created?: Date;
}

/** What {@link inventoryToFile} found. */
export interface InventoryToFileResult {
  /** As it stands in references. */
  readonly registry: string;
  readonly created: string;
  /** The repositories that were read, each with how much is in it. */
  readonly repositories: readonly { readonly name: string; readonly blobs: number; readonly bytes: number }[];
  /** The repositories that could not be read: the inventory has nothing of them. */
  readonly failures: readonly InventoryFailure[];
}

/**
 * Writes down which configs and layers a registry has, for `since` of an export.
 *
 * @param places - `REGISTRY`, `REGISTRY/PREFIX` or `REGISTRY/REPOSITORY`, all of one registry.
 * @throws SealiftError `FILE_EXISTS` if something else than an inventory is in
 * its place; as `takeInventory` and `encodeInventory`.
 */
export async function inventoryToFile(
  places: readonly string[],
  options: InventoryToFileOptions,
): Promise<InventoryToFileResult> {
  const { output, onEvent = () => undefined, concurrency = DEFAULT_CONCURRENCY, signal } = options;
  const parsed = places.map(parseDestination);
  await assertReplaceable(output);
  const { RegistryClient } = await import("./registry/index.js");
  await using client = new RegistryClient({ onEvent, ...options.registry });
  const created = `${(options.created ?? new Date()).toISOString().slice(0, 19)}Z`;
  const { registry, repositories, failures } = await takeInventory({
    places: parsed,
    // What a mirror has says nothing of the registry itself.
    openLister: (name) => client.catalog(name),
    openSource: async (reference) => client.repository(reference.registry, reference.repository),
    concurrency,
    onEvent,
    ...(signal && { signal }),
  });
  await replaceFile(output, encodeInventory({ registry, created, repositories }), FILE_MODE);
  const counted = repositories.map(({ name, blobs }) => {
    return { name, blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
  });
  return { registry, created, repositories: counted, failures };
}

// It is carried to another machine and another user; there is no secret in it.
const FILE_MODE = 0o644;

async function assertReplaceable(output: string): Promise<void> {
  const bytes = await readSmallFileIfThere(output, MAX_INVENTORY_SIZE).catch((error: unknown) => {
    throw isSealiftError(error, "CONFIG_INVALID") ? notAnInventory(output, error) : error;
  });
  if (bytes === undefined || bytes.length === 0) return;
  try {
    parseInventory(bytes, quote(output));
  } catch (error) {
    throw notAnInventory(output, error);
  }
}

function notAnInventory(output: string, cause: unknown): SealiftError {
  return new SealiftError("FILE_EXISTS", `expected to replace an inventory, but ${quote(output)} is something else`, {
    hint: "move that file away, or choose another name with --output",
    cause,
  });
}
