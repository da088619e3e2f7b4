/** Runs the command line of the source, as bin/sealift.js runs the built one. */
import { main } from "../../src/cli/main.js";

process.exitCode = await main(process.argv.slice(2), process);
