import * as z from "zod";
import { SealiftError } from "../../errors/index.js";
import { type Digest, digestSchema, listOf, parseJson, sizeSchema } from "../../oci/index.js";
import { registrySchema, repositorySchema, timeSchema } from "./delta.js";

/** The version of the file that docs/format.md describes. */
const INVENTORY_VERSION = 1;

/** The largest inventory, in bytes: a blob takes about 100, so this is room for a million of them. */
export const MAX_INVENTORY_SIZE = 100 * 1024 * 1024;

// A million blobs, each an object.
const MAX_OBJECTS = 1_100_000;

/** A repository, and the configs and layers of its images. */
export interface InventoryRepository {
  /** Its path within the registry. */
  readonly name: string;
  /** Sorted by digest, each once. */
  readonly blobs: readonly {
    readonly digest: Digest;
    /** In bytes. */
    readonly size: number;
  }[];
}

/** What a registry has, so that it need not be carried there. */
export interface Inventory {
  readonly formatVersion: typeof INVENTORY_VERSION;
  /** As it stands in references. */
  readonly registry: string;
  /** When it was begun, in UTC (RFC 3339, to the second). */
  readonly created: string;
  /** Sorted by name, each once. */
  readonly repositories: readonly InventoryRepository[];
}

const inventorySchema = z.strictObject({
  formatVersion: z.literal(INVENTORY_VERSION),
  registry: registrySchema,
  created: timeSchema,
  repositories: listOf(
    z.strictObject({
      name: repositorySchema,
      blobs: listOf(z.strictObject({ digest: digestSchema, size: sizeSchema })),
    }),
  ),
});

/**
 * The file of an inventory.
 *
 * @throws SealiftError `USAGE` if it were too large to be read again.
 */
export function encodeInventory(inventory: Omit<Inventory, "formatVersion">): Uint8Array {
  const bytes = Buffer.from(`${JSON.stringify({ formatVersion: INVENTORY_VERSION, ...inventory })}\n`);
  if (bytes.length <= MAX_INVENTORY_SIZE) return bytes;
  throw new SealiftError("USAGE", `expected an inventory of at most ${MAX_INVENTORY_SIZE} bytes, got ${bytes.length}`, {
    hint: "make several, each of some repositories, and name them all with --since",
  });
}

/**
 * Reads an inventory. Nobody signs it: what it says is believed only as far as
 * the registry is asked again on import.
 *
 * @param what - Names it in the error.
 * @throws SealiftError `CONFIG_INVALID` if it is none.
 */
export function parseInventory(bytes: Uint8Array, what: string): Inventory {
  return parseJson<Inventory>(bytes, inventorySchema, what, "CONFIG_INVALID", MAX_OBJECTS);
}
