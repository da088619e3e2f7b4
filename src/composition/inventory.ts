import { encodeInventory, MAX_INVENTORY_SIZE, parseInventory } from "../bundle/format/index.js";
import { assertWritable } from "../bundle/index.js";
import { replaceFile } from "../io/index.js";
import { parseDestination } from "../oci/index.js";
import { type InventoryFailure, takeInventory } from "../operations/index.js";
import { common, DEFAULT_CONCURRENCY, openClient, type RegistryOptions } from "./options.js";
import { assertDocumentReplaceable } from "./replaceable.js";

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
  /** The repositories that could not be read, a thousand at most: the inventory has nothing of them. */
  readonly failures: readonly InventoryFailure[];
  /** How many there are of these. */
  readonly failed: number;
}

/**
 * Writes down which configs and layers a registry has, for `since` of an export.
 *
 * @param places - `REGISTRY`, `REGISTRY/PREFIX` or `REGISTRY/REPOSITORY`, all of one registry.
 * @throws SealiftError `FILE_EXISTS` if something else than an inventory is in
 * its place; as `assertWritable`, `takeInventory` and `encodeInventory`.
 */
export async function inventoryToFile(
  places: readonly string[],
  options: InventoryToFileOptions,
): Promise<InventoryToFileResult> {
  const { output, concurrency = DEFAULT_CONCURRENCY } = options;
  const parsed = places.map(parseDestination);
  await assertWritable(output);
  await assertDocumentReplaceable(output, MAX_INVENTORY_SIZE, parseInventory, "an inventory");
  await using client = await openClient(options);
  const created = `${(options.created ?? new Date()).toISOString().slice(0, 19)}Z`;
  const { registry, repositories, failures, failed } = await takeInventory({
    ...common(options),
    places: parsed,
    // What a mirror has says nothing of the registry itself.
    openLister: (name) => client.catalog(name),
    openSource: async (reference) => client.repository(reference.registry, reference.repository),
    concurrency,
  });
  await replaceFile(output, encodeInventory({ registry, created, repositories }), FILE_MODE);
  const counted = repositories.map(({ name, blobs }) => {
    return { name, blobs: blobs.length, bytes: blobs.reduce((sum, { size }) => sum + size, 0) };
  });
  return { registry, created, repositories: counted, failures, failed };
}

// It is carried to another machine and another user; there is no secret in it.
const FILE_MODE = 0o644;
