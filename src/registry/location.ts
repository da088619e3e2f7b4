import { quote, SealiftError } from "../errors/index.js";

/**
 * Where a Location header leads, as seen from the URL that was asked.
 *
 * @param wanted - Completes `expected …` in messages.
 * @throws SealiftError `REGISTRY_PROTOCOL` if there is none, if it is no HTTP
 * URL, or if it leads from TLS to plain HTTP.
 */
export function resolveLocation(location: string | undefined, asked: URL, wanted: string): URL {
  const url = location !== undefined && URL.canParse(location, asked.href) ? new URL(location, asked) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    // It may hold a signature or a password, so no more of it is shown than its scheme.
    const [scheme = ""] = /^[a-z][a-z0-9+.-]{0,19}:/i.exec(location ?? "") ?? [];
    const came = location === undefined ? "none" : `${quote(scheme)}…`;
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${wanted}, got from ${asked.host} an answer that should name a Location, but has ${came}`,
    );
  }
  if (asked.protocol === "https:" && url.protocol === "http:") {
    throw new SealiftError(
      "REGISTRY_PROTOCOL",
      `expected ${wanted}, got from ${asked.host} a Location without TLS, at ${quote(url.host)}`,
      {
        hint: "a proxy in front of the registry may hide that it speaks TLS: have it send X-Forwarded-Proto: https",
      },
    );
  }
  return url;
}

/** The URL that closes an upload session: its newest Location, with all of its query, and the blob's digest. */
export function withDigest(location: URL, digest: string): URL {
  const url = new URL(location);
  // searchParams would write the registry's own parameters anew, and might write them otherwise.
  url.search = `${url.search === "" ? "?" : `${url.search}&`}digest=${encodeURIComponent(digest)}`;
  return url;
}
