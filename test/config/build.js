// Bundles the command and the public API into dist/. tsc writes the types there.
import { build } from "esbuild";

await build({
  entryPoints: {
    "cli/main": "src/cli/main.ts",
    index: "src/index.ts",
    // Threads load these by their addresses, beside the file that starts the thread.
    "hash-worker": "src/bundle/hash-worker.js",
    "hash-thread-worker": "src/io/hash-thread-worker.js",
  },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  alias: {
    undici: "./test/config/undici-http.js",
    // yargs and what it needs bring three newer copies of it. Each makes an Intl.Segmenter
    // while it loads, for 14 ms; that of cli-progress measures text as well without.
    "string-width": "./node_modules/string-width",
  },
  // Some dependencies are CommonJS, and call require().
  banner: {
    js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
  },
  logLevel: "warning",
});
