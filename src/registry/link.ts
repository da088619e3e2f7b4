import { quote, SealiftError } from "../errors/index.js";
import type { Answer } from "./http.js";
import type { Remote } from "./remote.js";

// RFC 8288 section 3: `<target>; rel="next"`, perhaps with other parameters and other links.
const NEXT = /<([^<>]*)>((?:\s*;\s*[a-z*-]+\s*=\s*(?:"[^"]*"|[^\s;,"]*))*)/gi;

/**
 * Where the next page of a list is; undefined if this was the last one.
 *
 * @param wanted - Completes `expected …` in messages.
 * @throws SealiftError `REGISTRY_PROTOCOL` if it is elsewhere than at the
 * registry: whoever answers there has no say in what the registry lists.
 */
export function nextPage(
  { host }: Pick<Remote, "host">,
  answer: Pick<Answer, "url" | "header">,
  wanted: string,
): URL | undefined {
  const target = nextTarget(answer.header("link") ?? "");
  if (target === undefined) return undefined;
  const next = URL.canParse(target, answer.url.href) ? new URL(target, answer.url) : undefined;
  if (next?.origin === host.origin) return next;
  throw new SealiftError(
    "REGISTRY_PROTOCOL",
    `expected ${wanted}, got from ${answer.url.host} a page whose next one is not at ${host.origin}, but at ${quote(target.replace(/[?#].*$/s, ""), 60)}`,
  );
}

function nextTarget(header: string): string | undefined {
  for (const [, target, parameters = ""] of header.matchAll(NEXT)) {
    if (/;\s*rel\s*=\s*"?next"?/i.test(parameters)) return target;
  }
  return undefined;
}
