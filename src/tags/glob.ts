/**
 * Reads a glob for tags: `*` stands for any number of characters, `?` for one,
 * `[a-c5]` for one of these, `[!a-c5]` for one that is none of these. All else
 * stands for itself.
 *
 * No regular expression is made of it: registries choose the tags, and a
 * backtracking matcher takes minutes for one that is made for `*?*?*?*?*x`. This
 * one takes a step at most for each pair of characters.
 *
 * @returns What says whether a tag matches; undefined if the pattern is none.
 */
export function parseGlob(pattern: string): ((tag: string) => boolean) | undefined {
  const tokens: Token[] = [];
  let position = 0;
  while (position < pattern.length) {
    TOKEN.lastIndex = position;
    const [text, negation, members] = TOKEN.exec(pattern) ?? [];
    const token = text && tokenOf(text, negation, members);
    if (!token) return undefined;
    tokens.push(token);
    position = TOKEN.lastIndex;
  }
  return (tag) => matches(tokens, tag);
}

/** One character that is in `characters`, or one that is not; or any number of any. */
type Token = "*" | { readonly characters: ReadonlySet<string>; readonly isNegated: boolean };

// What stands between brackets, or for itself, is what tags are made of.
const TOKEN = /\*+|\?|\[([!^]?)([A-Za-z0-9_.-]+)\]|[A-Za-z0-9_.-]/y;

function tokenOf(text: string, negation = "", members = text): Token | undefined {
  if (text.startsWith("*")) return "*";
  if (text === "?") return { characters: new Set(), isNegated: true };
  const characters = membersOf(members);
  return characters && { characters, isNegated: negation !== "" };
}

/** The characters that `a-c5` stands for; undefined if a range is empty. A `-` at an end stands for itself. */
function membersOf(text: string): Set<string> | undefined {
  const members = new Set<string>();
  for (let at = 0; at < text.length; at += 1) {
    const first = text.charCodeAt(at);
    const isRange = text[at + 1] === "-" && at + 2 < text.length;
    const last = isRange ? text.charCodeAt(at + 2) : first;
    if (last < first) return undefined;
    for (let code = first; code <= last; code += 1) members.add(String.fromCharCode(code));
    if (isRange) at += 2;
  }
  return members;
}

// After a star that has matched as little as it can, what follows is tried one
// character later each time. Earlier stars need not be tried again: whatever
// they leave, the last one can take.
function matches(tokens: readonly Token[], tag: string): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let afterStar = 0;
  while (at < tag.length) {
    const wanted = tokens[token];
    if (wanted === "*") {
      star = token;
      afterStar = at;
      token += 1;
    } else if (wanted !== undefined && wanted.characters.has(tag.charAt(at)) !== wanted.isNegated) {
      token += 1;
      at += 1;
    } else if (star >= 0) {
      afterStar += 1;
      at = afterStar;
      token = star + 1;
    } else return false;
  }
  return tokens.slice(token).every((left) => left === "*");
}
