import { expect } from "vitest";
import { IMAGES, type ImageKind } from "./images.js";
import type { Login } from "./login.js";
import { Registry, rawManifest } from "./registry.js";
import type { Scene } from "./scene.js";
import type { Sealift } from "./sealift.js";

/** A registry, and how Sealift and skopeo get at it. */
export interface Reachable {
  /** Host and port, as they stand in references. */
  readonly host: string;
  /** The command with what it needs to get in. */
  readonly sealift: Sealift;
  readonly options?: readonly string[];
  /** Where skopeo finds the same content: the registry itself, past what stands before it; by default at `host`. */
  readonly content?: { readonly host: string; readonly login?: Login };
}

/** One large layer, a platform index, other compressions, and Docker's media types. */
export const ROUND_TRIP_KINDS: readonly ImageKind[] = ["base", "multi", "zstd", "docker"];

/**
 * Carries images into a registry and out again, to a bare one; each has the
 * bytes it had in the near registry, in both.
 *
 * @param bundle - One that was exported from the near registry.
 * @param folder - For what is made on the way.
 */
export async function roundTrip(
  scene: Scene,
  bundle: string,
  folder: string,
  { host, sealift, options = [], content }: Reachable,
  kinds: readonly ImageKind[] = ROUND_TRIP_KINDS,
): Promise<void> {
  await sealift.must("import", bundle, "--to", host, "--key", sealift.publicKey, ...options);

  const again = scene.path(`${folder}.tar`);
  const names = kinds.map((kind) => `${host}/${IMAGES[kind]}`);
  await sealift.export(again, names, ...options);
  const bare = scene.use(await Registry.start(scene.path(`${folder}-far`)));
  await sealift.must("import", again, "--to", bare.host, "--key", sealift.publicKey);

  for (const kind of kinds) {
    const expected = await scene.near.rawManifest(IMAGES[kind]);
    const stored = await rawManifest(`${content?.host ?? host}/${IMAGES[kind]}`, content?.login);
    expect(stored.equals(expected), `${kind} as it was stored`).toBe(true);
    expect((await bare.rawManifest(IMAGES[kind])).equals(expected), `${kind} as it came out`).toBe(true);
  }
}
