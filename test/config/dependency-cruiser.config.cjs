// The layers of docs/architecture.md: for each room, the rooms it may import.
// Imports go downward only, and adapters never see each other.
const PURE = ["errors", "oci", "tar"];
const BELOW_ADAPTERS = [...PURE, "ports", "io", "signing"];
/** @type {Record<string, string[]>} */
const MAY_IMPORT = {
  errors: [],
  oci: ["errors"],
  tar: ["errors"],

  tags: ["errors", "oci"],
  ports: ["errors", "oci"],
  io: [...PURE, "ports"],
  signing: [...PURE, "ports", "io"],

  registry: BELOW_ADAPTERS,
  "registry-server": BELOW_ADAPTERS,
  bundle: BELOW_ADAPTERS,
  "image-lists": [...BELOW_ADAPTERS, "tags"],

  // bundle/format is the part of the bundle that does no I/O. Of io, operations use
  // what works on streams that ports hand out: retries, verified streams, digests.
  operations: ["errors", "oci", "tags", "ports", "io", "signing", "bundle/format"],
};
// It joins all the rooms; nothing above it is its business.
MAY_IMPORT.composition = Object.keys(MAY_IMPORT);
const ROOMS = Object.keys(MAY_IMPORT);
// The folders of src/operations, and those of the others that each may use. The verbs lie above all of them.
const BELOW_READ = ["graph", "concurrency"];
/** @type {Record<string, string[]>} */
const WITHIN_OPERATIONS = {
  graph: [],
  concurrency: [],
  read: BELOW_READ,
  collect: BELOW_READ,
  delta: [...BELOW_READ, "read", "collect"],
  write: [...BELOW_READ, "read", "collect"],
  damage: [...BELOW_READ, "read"],
  send: [...BELOW_READ, "read", "delta"],
};
const ROOM_INDEX = "^src/([^/]+|bundle/format)/index\\.ts$";

/**
 * @param {string} name
 * @param {string} from
 * @param {string[]} mayImport
 * @param {string} comment
 */
function layer(name, from, mayImport, comment) {
  return { name, comment, severity: "error", from: { path: from }, to: { path: "^src/", pathNot: mayImport } };
}

module.exports = {
  forbidden: [
    ...Object.entries(MAY_IMPORT).map(([room, mayImport]) =>
      layer(
        `layer-${room}`,
        `^src/${room}/`,
        [room, ...mayImport].map((allowed) => `^src/${allowed}/`),
        `src/${room} may import only: ${mayImport.join(", ") || "nothing"}.`,
      ),
    ),
    ...Object.entries(WITHIN_OPERATIONS).map(([folder, mayImport]) => ({
      name: `operations-${folder}`,
      comment: `src/operations/${folder} may use only these of its neighbours: ${mayImport.join(", ") || "none"}.`,
      severity: "error",
      from: { path: `^src/operations/${folder}/` },
      to: {
        path: "^src/operations/",
        pathNot: [folder, ...mayImport].map((allowed) => `^src/operations/${allowed}/`),
      },
    })),
    {
      name: "operations-folder-unknown",
      comment: "A folder that WITHIN_OPERATIONS does not know has no place: give it one.",
      severity: "error",
      from: {
        path: "^src/operations/[^/]+/",
        pathNot: Object.keys(WITHIN_OPERATIONS).map((folder) => `^src/operations/${folder}/`),
      },
      to: {},
    },
    layer(
      "layer-bundle-format",
      "^src/bundle/format/",
      [...PURE, "ports", "bundle/format"].map((allowed) => `^src/${allowed}/`),
      "src/bundle/format is the pure part of the bundle: it knows nothing of files.",
    ),
    layer(
      "layer-index",
      "^src/index\\.ts$",
      ROOMS.map((room) => `^src/${room}/`),
      "src/index.ts is the public API; the command line is built on it.",
    ),
    layer("layer-cli", "^src/cli/", ["^src/cli/", "^src/index\\.ts$", "^src/errors/"], "The CLI uses the public API."),
    {
      name: "room-unknown",
      comment: "A room that MAY_IMPORT does not know has no layer: give it one.",
      severity: "error",
      from: { path: "^src/", pathNot: [...ROOMS, "cli"].map((room) => `^src/${room}/`).concat("^src/index\\.ts$") },
      to: {},
    },
    {
      name: "room-index-only",
      comment: "Another room is entered through its index.ts.",
      severity: "error",
      from: { path: "^src/([^/]+)" },
      to: { path: "^src/[^/]+/", pathNot: ["^src/$1/", ROOM_INDEX] },
    },
    {
      name: "pure-rooms-do-no-io",
      comment: "These rooms can be read and tested without a file, a socket or a clock.",
      severity: "error",
      from: { path: "^src/(errors|oci|tar|ports|bundle/format)/" },
      to: {
        dependencyTypes: ["core"],
        path: "^(node:)?(fs|fs/promises|net|http|https|child_process|worker_threads|timers|timers/promises)$",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "bin-is-thin",
      comment: "bin/ starts the built command line and does nothing else.",
      severity: "error",
      from: { path: "^bin/" },
      to: { pathNot: "^(\\.\\./)*dist/cli/" },
    },
    {
      name: "src-without-test",
      severity: "error",
      from: { path: "^(src|bin)/" },
      to: { path: "^test/" },
    },
    {
      name: "src-without-dev-dependencies",
      comment: "Who installs Sealift gets its dependencies, not its devDependencies. Types are gone by then.",
      severity: "error",
      from: { path: "^(src|bin)/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-cycle",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-orphan",
      comment: "Nobody imports this file. A worker is started by its URL.",
      severity: "error",
      from: { orphan: true, pathNot: ["^src/(bundle/hash|io/hash-thread)-worker\\.js$", "^test/config/"] },
      to: {},
    },
    {
      name: "no-unresolvable",
      comment: "dist/ is there only after a build.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^(\\.\\./)*dist/" },
    },
  ],
  options: {
    doNotFollow: { path: ["node_modules", "^dist/"] },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
  },
};
