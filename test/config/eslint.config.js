import { fileURLToPath } from "node:url";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

// Correctness only: biome decides how the code looks.
export default defineConfig(
  // dist and coverage are made by tools, fixtures are data.
  { ignores: ["dist/", "coverage/", "fixtures/"] },
  {
    files: ["**/*.{ts,js,cjs}"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ["test/config/tsconfig.json"],
        tsconfigRootDir: fileURLToPath(new URL("../..", import.meta.url)),
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      eqeqeq: "error",
      "no-template-curly-in-string": "error",
      "no-unmodified-loop-condition": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      // Numbers read the same in a message however they are put there.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // A leading underscore says that a parameter is there for the signature's sake, or a lock for its disposal.
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // `while (true)` around a read that ends the loop itself is the plainest form of such a loop.
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      // `() => something.returnsVoid()` is a usual way to write a callback.
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // A method may be asynchronous because its port says so.
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    files: ["test/**"],
    rules: {
      // A test states what it knows of the value; when it is wrong, the test fails, as it should.
      "@typescript-eslint/no-non-null-assertion": "off",
      // expect(object.method) asks about the function, it does not call it.
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    // CommonJS, because dependency-cruiser reads its configuration with require().
    files: ["test/config/*.cjs"],
    languageOptions: { sourceType: "commonjs", globals: { module: "writable" } },
  },
);
