import { quote, SealiftError } from "../errors/index.js";

/**
 * The largest key file that is read, in bytes. An encrypted P-256 key takes
 * 700; the rest is room for the text that may stand around a PEM block.
 */
export const MAX_KEY_FILE_SIZE = 64 * 1024;

/** One block of a PEM file (RFC 7468). Its body is not decoded yet: the label says whether it is worth it. */
export interface PemBlock {
  readonly label: string;
  readonly body: string;
}

/**
 * The one PEM block of a key file. Text around it is ignored (RFC 7468 section
 * 5.2), and so is an `EC PARAMETERS` block, which `openssl ecparam -genkey`
 * writes before its key. Nothing of the file but a label is ever repeated in an
 * error: it may be a secret.
 *
 * @throws SealiftError `KEY_INVALID` if there is no block, a torn one, or more than one.
 */
export function readPem(text: string): PemBlock {
  if (text.length > MAX_KEY_FILE_SIZE) {
    throw invalid(`expected a key file of at most ${MAX_KEY_FILE_SIZE} bytes, got a larger one`);
  }
  const blocks = findBlocks(text).filter((block) => block.label !== "EC PARAMETERS");
  const [block] = blocks;
  if (block === undefined) throw invalid("expected a key in PEM, got a file without a PEM block");
  if (blocks.length > 1) throw invalid(`expected one key in the file, got ${blocks.length} PEM blocks`);
  return block;
}

// RFC 7468 section 3 allows more in a label than upper case; no key's label has more.
const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,64})-----$/;

function findBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; lines: string[] } | undefined;
  for (const line of text.split("\n").map((raw) => raw.trim())) {
    if (open === undefined) {
      const label = BEGIN.exec(line)?.[1];
      if (label !== undefined) open = { label, lines: [] };
    } else if (line === `-----END ${open.label}-----`) {
      blocks.push({ label: open.label, body: open.lines.join("") });
      open = undefined;
    } else open.lines.push(line);
  }
  if (open !== undefined) throw invalid(`expected the PEM block ${quote(open.label)} to end, got the end of the file`);
  return blocks;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The bytes of a PEM block, which the caller may overwrite.
 *
 * @throws SealiftError `KEY_INVALID` if its body is not base64.
 */
export function decodePem(block: PemBlock): Buffer {
  if (block.body === "" || !BASE64.test(block.body)) {
    throw invalid(`expected the PEM block ${quote(block.label)} to hold base64, got something else`);
  }
  return Buffer.from(block.body, "base64");
}

/** A PEM block as cosign and OpenSSL write it: lines of 64 characters (RFC 7468 section 2). */
export function writePem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function invalid(message: string): SealiftError {
  return new SealiftError("KEY_INVALID", message, {
    hint: "give a key file made by `sealift keygen` or `cosign generate-key-pair`",
  });
}
