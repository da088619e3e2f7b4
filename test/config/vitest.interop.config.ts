import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const MINUTE = 60_000;

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/interop/**/*.test.ts"],
    globalSetup: [fileURLToPath(new URL("../support/interop/global-setup.ts", import.meta.url))],
    // One file at a time: the daemons want both cores for themselves.
    fileParallelism: false,
    // Names every test, so that a skipped one is seen.
    reporters: ["verbose"],
    // The whole run takes a few minutes: only a hanging tool reaches these.
    testTimeout: 3 * MINUTE,
    hookTimeout: 3 * MINUTE,
    teardownTimeout: MINUTE,
  },
});
