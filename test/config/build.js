// Bundles the command and the public API into dist/. tsc writes the types there.
import { build } from "esbuild";

// What Sealift uses of undici. The rest, which its index.js loads as well (fetch, caches,
// mocks, and with them Node's own copy of undici), would take each export and import 50 ms.
const USED_OF_UNDICI = `
  import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
  import request from "undici/lib/api/api-request.js";
  Dispatcher.prototype.request = request;
  export { default as Agent } from "undici/lib/dispatcher/agent.js";
  export { default as buildConnector } from "undici/lib/core/connect.js";
`;

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
  // yargs and what it needs bring three newer copies of it. Each makes an Intl.Segmenter
  // while it loads, for 14 ms; that of cli-progress measures text as well without.
  alias: { "string-width": "./node_modules/string-width" },
  plugins: [
    {
      name: "used-of-undici",
      setup: ({ onResolve, onLoad }) => {
        onResolve({ filter: /^undici$/ }, () => ({ path: "used-of-undici", namespace: "used-of-undici" }));
        onLoad({ filter: /.*/, namespace: "used-of-undici" }, () => ({
          contents: USED_OF_UNDICI,
          resolveDir: process.cwd(),
        }));
      },
    },
  ],
  // Some dependencies are CommonJS, and call require().
  banner: {
    js: "import{createRequire as createRequireOfBundle}from'node:module';const require=createRequireOfBundle(import.meta.url);",
  },
  logLevel: "warning",
});
