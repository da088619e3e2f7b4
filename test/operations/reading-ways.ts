import { expect } from "vitest";
import type { SealiftError } from "../../src/errors/index.js";
import type { ImportResult, SendOptions } from "../../src/operations/import.js";
import { importBundle } from "../../src/operations/import.js";
import { importStream } from "../../src/operations/import-stream.js";
import { type VerifyResult, verifyBundle } from "../../src/operations/verify.js";
import { verifyStream } from "../../src/operations/verify-stream.js";
import { RegistryClient } from "../../src/registry/index.js";
import type { TrustPolicy } from "../../src/signing/index.js";
import { failureOf } from "../support/errors.js";
import { MemorySource } from "../support/memory-source.js";
import { passing } from "../support/pipe.js";
import type { Scene } from "../support/scene.js";

/** A way that a bundle reaches those who check it. Whatever is wrong with it must be found on each. */
export interface ReadingWay {
  readonly name: string;
  verify(bytes: Uint8Array, trust: TrustPolicy, deep: boolean): Promise<VerifyResult>;
  import(bytes: Uint8Array, trust: TrustPolicy, options: SendOptions): Promise<ImportResult>;
}

export const READING_WAYS: readonly ReadingWay[] = [
  {
    name: "a file",
    verify: async (bytes, trust, deep) =>
      await verifyBundle({ source: new MemorySource(bytes), trust, deep, onEvent: () => undefined }),
    import: async (bytes, trust, options) => await importBundle({ source: new MemorySource(bytes), trust, ...options }),
  },
  {
    name: "a pipe",
    verify: async (bytes, trust, deep) => {
      await using source = passing(bytes);
      return await verifyStream({ source, trust, deep, onEvent: () => undefined });
    },
    import: async (bytes, trust, options) => {
      await using source = passing(bytes);
      return await importStream({ source, trust, ...options });
    },
  },
];

/** Imports what came in a way into the far registry of a scene. */
export async function importInto(scene: Scene, way: ReadingWay, bytes: Uint8Array, prefix = ""): Promise<ImportResult> {
  await using client = new RegistryClient();
  return await way.import(bytes, scene.keys.trust, {
    to: { registry: scene.far.host, prefix },
    dryRun: false,
    concurrency: 2,
    openDestination: async ({ registry, repository }) => client.repository(registry, repository),
    onEvent: () => undefined,
  });
}

/**
 * A bundle is refused by verify and by import, with exit code 3, and `app` is not tagged.
 *
 * @returns why verify refused it.
 */
export async function expectRefused(
  scene: Scene,
  way: ReadingWay,
  bytes: Uint8Array,
  codes: readonly string[],
): Promise<SealiftError> {
  const failure = await failureOf(() => way.verify(bytes, scene.keys.trust, false));
  expect(codes).toContain(failure.code);
  expect(failure.exitCode).toBe(3);
  expect((await failureOf(() => importInto(scene, way, bytes))).exitCode).toBe(3);
  expect(scene.far.storage.tags("app")).toEqual([]);
  return failure;
}
