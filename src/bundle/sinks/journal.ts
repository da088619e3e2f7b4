import { constants, type FileHandle, open, rename, rm } from "node:fs/promises";
import * as z from "zod";
import { type Digest, digestSchema, sizeSchema } from "../../oci/index.js";
import type { JournaledBlob } from "../../ports/index.js";
import { lstatOf } from "./stamp.js";

// A line takes some 150 bytes: this is room for 400,000, and bounds what
// rubbish under the journal's name can make a run read.
const MAX_JOURNAL_SIZE = 64 * 1024 * 1024;

// In bytes. A note takes 230 at most: a SHA-512 digest, and three numbers of 16 digits.
const MAX_LINE_LENGTH = 400;

// What is beside the notes is a line that was torn, one for each time a run was
// killed. Whatever has more of them was written by somebody else.
const MAX_BAD_LINES = 1000;

const NOTE_BEGINNING = '{"digest"';

const headSchema = z.strictObject({ journal: z.literal(1), index: digestSchema });

const noteSchema = z
  .strictObject({ digest: digestSchema, position: sizeSchema, size: sizeSchema, length: sizeSchema })
  .refine(({ size, length }) => length <= size);

/** What a journal says. */
export interface JournalContent {
  readonly indexDigest: Digest;
  /** What was noted last of each blob; none of which nothing is there. */
  readonly blobs: ReadonlyMap<Digest, JournaledBlob>;
}

/**
 * Notes, beside a file that is not whole yet, what has been written to it. It
 * is a file of lines that only grows: the first one names the signed index of
 * the bundle, each other one is a {@link JournaledBlob}, and the last one of a
 * blob counts.
 *
 * Nothing depends on it but time: whoever goes by it hashes what he finds. So
 * it is written without waiting, and where it cannot be written, there is none.
 */
export class Journal {
  #path: string;
  readonly #handle: FileHandle;
  #pending = "";
  #writing: Promise<void> | undefined;
  #isBroken = false;

  private constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
  }

  /** Begins a journal; undefined where there can be none. */
  static async begin(path: string, indexDigest: Digest): Promise<Journal | undefined> {
    try {
      await rm(path, { force: true });
      const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL;
      const journal = new Journal(path, await open(path, flags, 0o666));
      journal.#append({ journal: 1, index: indexDigest });
      return journal;
    } catch {
      return undefined;
    }
  }

  /**
   * Finds a journal again. Lines that are none, such as a last one that was torn,
   * are passed over; what has no good first line, or a thousand of those, is no journal, and undefined.
   */
  static async find(path: string): Promise<{ journal: Journal; content: JournalContent } | undefined> {
    let handle: FileHandle | undefined;
    try {
      // A link is not followed, and a pipe not waited for.
      const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      handle = await open(path, flags);
      const stats = await handle.stat();
      const text =
        stats.isFile() && stats.nlink === 1 && stats.size <= MAX_JOURNAL_SIZE ? await handle.readFile("utf8") : "";
      const content = parseJournal(text);
      if (content !== undefined) {
        const journal = new Journal(path, handle);
        // What is noted next does not become a part of the torn line.
        if (!text.endsWith("\n")) journal.#pending = "\n";
        return { journal, content };
      }
    } catch {
      // A journal that cannot be read is none.
    }
    await handle?.close().catch(() => undefined);
    return undefined;
  }

  /** Notes what has been handed to the system. */
  note(blob: JournaledBlob): void {
    const { digest, position, size, length } = blob;
    this.#append({ digest, position, size, length });
  }

  /** Has what was noted so far reach the medium. */
  async sync(): Promise<void> {
    await this.#writing;
    if (!this.#isBroken) await this.#handle.datasync().catch(this.#break);
  }

  async setAside(path: string): Promise<void> {
    await rename(this.#path, path).catch(this.#break);
    this.#path = path;
  }

  /** Ends it, and leaves it where it is. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close().catch(() => undefined);
  }

  /** Ends it, and removes it, unless another one has taken its place. */
  async remove(): Promise<void> {
    await this.#writing;
    const isOurs = await this.#isOurs().catch(() => false);
    await this.close();
    if (isOurs) await rm(this.#path, { force: true }).catch(() => undefined);
  }

  async #isOurs(): Promise<boolean> {
    const [there, own] = await Promise.all([lstatOf(this.#path), this.#handle.stat()]);
    return there?.dev === own.dev && there.ino === own.ino;
  }

  #append(line: object): void {
    this.#pending += `${JSON.stringify(line)}\n`;
    this.#writing ??= this.#write();
  }

  // What is noted while a write is under way goes with the next one.
  async #write(): Promise<void> {
    while (this.#pending !== "" && !this.#isBroken) {
      const text = this.#pending;
      this.#pending = "";
      await this.#handle.appendFile(text).catch(this.#break);
    }
    this.#writing = undefined;
  }

  readonly #break = (): void => {
    this.#isBroken = true;
  };
}

function parseJournal(text: string): JournalContent | undefined {
  const lines = linesOf(text);
  const head = headSchema.safeParse(jsonOf(lines.next().value ?? ""));
  if (!head.success) return undefined;
  const blobs = new Map<Digest, JournaledBlob>();
  let bad = 0;
  for (const line of lines) {
    const note = line.startsWith(NOTE_BEGINNING) ? noteSchema.safeParse(jsonOf(line)) : undefined;
    if (note?.success !== true) {
      bad += 1;
      if (bad > MAX_BAD_LINES) return undefined;
    } else if (note.data.length > 0) blobs.set(note.data.digest, note.data);
    else blobs.delete(note.data.digest);
  }
  return { indexDigest: head.data.index, blobs };
}

/** The lines of a text, one after the other: an array of millions would take a hundred times their memory. A long one comes as an empty one. */
function* linesOf(text: string): Generator<string, undefined> {
  for (let start = 0; start < text.length; ) {
    const found = text.indexOf("\n", start);
    const end = found < 0 ? text.length : found;
    yield end - start > MAX_LINE_LENGTH ? "" : text.slice(start, end);
    start = end + 1;
  }
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
