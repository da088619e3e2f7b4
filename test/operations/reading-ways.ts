import type { ImportResult, SendOptions } from "../../src/operations/import.js";
import { importBundle } from "../../src/operations/import.js";
import { importStream } from "../../src/operations/import-stream.js";
import { type VerifyResult, verifyBundle } from "../../src/operations/verify.js";
import { verifyStream } from "../../src/operations/verify-stream.js";
import type { TrustPolicy } from "../../src/signing/index.js";
import { MemorySource } from "../support/memory-source.js";
import { passing } from "../support/pipe.js";

/** A way that a bundle reaches those who check it. Whatever is wrong with it must be found on each. */
export interface ReadingWay {
  readonly name: string;
  verify(bytes: Uint8Array, trust: TrustPolicy, deep: boolean): Promise<VerifyResult>;
  import(bytes: Uint8Array, trust: TrustPolicy, options: SendOptions): Promise<ImportResult>;
}

export const READING_WAYS: readonly ReadingWay[] = [
  {
    name: "a file",
    verify: async (bytes, trust, deep) =>
      await verifyBundle({ source: new MemorySource(bytes), trust, deep, onEvent: () => undefined }),
    import: async (bytes, trust, options) => await importBundle({ source: new MemorySource(bytes), trust, ...options }),
  },
  {
    name: "a pipe",
    verify: async (bytes, trust, deep) => {
      await using source = passing(bytes);
      return await verifyStream({ source, trust, deep, onEvent: () => undefined });
    },
    import: async (bytes, trust, options) => {
      await using source = passing(bytes);
      return await importStream({ source, trust, ...options });
    },
  },
];
