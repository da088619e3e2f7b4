import { readFileSync } from "node:fs";

/** The version in Sealift's package.json. */
export function readVersion(): string {
  // src/cli and dist/cli lie equally deep.
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { readonly version: string }).version;
}
