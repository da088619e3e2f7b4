/** One way in which a server accepts credentials (RFC 9110 section 11.3). */
export interface Challenge {
  /** In lower case: schemes are compared without regard to case. */
  readonly scheme: string;
  /** By names in lower case; of a name that comes twice, the first. */
  readonly parameters: ReadonlyMap<string, string>;
}

// The grammar of RFC 9110 sections 5.6.2 to 5.6.4 and 11.2.
const SEPARATORS = /[\s,]*/y;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"(?:[^"\\]|\\.)*"/sy;

/**
 * Reads the value of a WWW-Authenticate header, which may hold several
 * challenges. What follows something malformed is left out: a challenge that
 * was understood is still good. Never throws.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  const scanner = new Scanner(header);
  for (;;) {
    scanner.take(SEPARATORS);
    const name = scanner.take(TOKEN)?.toLowerCase();
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    if (current !== undefined && scanner.take(EQUALS) !== undefined) {
      const value = scanner.take(TOKEN) ?? unquote(scanner.take(QUOTED));
      if (value === undefined) return challenges;
      if (!current.parameters.has(name)) current.parameters.set(name, value);
    } else {
      challenges.push({ scheme: name, parameters: new Map() });
      scanner.take(TOKEN68);
    }
  }
}

function unquote(quoted: string | undefined): string | undefined {
  return quoted?.slice(1, -1).replace(/\\(.)/gs, "$1");
}

class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** What `pattern`, a sticky one, matches here; the scanner then stands behind it. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const taken = pattern.exec(this.#text)?.[0];
    this.#position += taken?.length ?? 0;
    return taken;
  }
}
