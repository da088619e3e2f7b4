import { createRequire } from "node:module";

/** The version of this package. */
export function readVersion(): string {
  // By the package's own name, since the built files do not lie where the sources do.
  const manifest = createRequire(import.meta.url)("sealift/package.json") as { version: string };
  return manifest.version;
}
