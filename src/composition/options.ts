import type { EventListener, Op } from "../ports/index.js";
import type { RegistryClient, RegistryClientOptions } from "../registry/index.js";

/**
 * What containers/image and containerd's clients use at most against one
 * registry; more brings 429s, not speed.
 */
export const DEFAULT_CONCURRENCY = 4;

/** What every operation of the public API takes. */
export interface CommonOptions extends Op {
  /** Told what happens while it happens. */
  readonly onEvent?: EventListener;
}

/** What every operation takes that speaks with registries. */
export interface RegistryOptions extends CommonOptions {
  /** How registries are spoken with; by default as docker does it. */
  readonly registry?: RegistryClientOptions;
}

/** The common options as operations take them. */
export function common({ signal, onEvent }: CommonOptions) {
  return { onEvent: onEvent ?? (() => undefined), ...(signal === undefined ? {} : { signal }) };
}

/** A client for all registries of one run. What speaks HTTP is loaded only here: other commands start without it. */
export async function openClient(options: RegistryOptions): Promise<RegistryClient> {
  const { RegistryClient } = await import("../registry/index.js");
  return new RegistryClient({ onEvent: common(options).onEvent, ...options.registry });
}
