import type { Leftover } from "../../ports/index.js";
import { Journal, type JournalContent } from "./journal.js";
import type { PartialBundle, PartialBundleMaker } from "./partial-bundle.js";

/** The journal of what is written under the name `partialPath`. */
export function journalPathOf(partialPath: string): string {
  return `${partialPath}.journal`;
}

/** A file that an earlier run left, with its journal. */
export class LeftFile {
  readonly file: PartialBundle;
  readonly journal: Journal;
  readonly content: JournalContent;
  readonly leftover: Leftover;

  constructor(file: PartialBundle, journal: Journal, content: JournalContent, size: number) {
    this.file = file;
    this.journal = journal;
    this.content = content;
    const read = (position: number, length: number) => file.read(position, length);
    this.leftover = { ...content, source: { size, read } };
  }

  /** How much it says it has. */
  get bytes(): number {
    let bytes = 0;
    for (const { length } of this.content.blobs.values()) bytes += length;
    return bytes;
  }

  async setAside(): Promise<void> {
    await this.file.setAside();
    await this.journal.setAside(journalPathOf(this.file.partialPath));
  }

  async close(): Promise<void> {
    await this.journal.close();
    await this.file.keep();
  }

  async discard(): Promise<void> {
    await this.journal.remove();
    await this.file.discard();
  }
}

/** What an earlier run left under the name `partialPath`; undefined if nothing, or nothing with a journal. */
export async function findLeft(maker: PartialBundleMaker, partialPath: string): Promise<LeftFile | undefined> {
  const file = await maker.find(partialPath);
  const found = file && (await Journal.find(journalPathOf(partialPath)));
  if (file !== undefined && found !== undefined) {
    return new LeftFile(file, found.journal, found.content, await file.size());
  }
  await file?.keep();
  return undefined;
}
