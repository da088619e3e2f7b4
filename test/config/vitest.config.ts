import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**"],
    // A process for each file: tests change the environment and the working folder, which threads share.
    pool: "forks",
    maxWorkers: 2,
    // Far above what any test needs, so that only a hanging one reaches it.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
