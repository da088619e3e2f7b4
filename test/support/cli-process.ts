/** Runs the command line of the source, as bin/sealift.js runs the built one. */
import { main } from "../../src/cli/main.js";

process.exitCode = await main(process.argv.slice(2), process);
// What was written into a pipe that nobody reads would keep the process for ever.
if (process.exitCode === 130) process.exit();
