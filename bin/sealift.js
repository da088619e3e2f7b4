#!/usr/bin/env node
import { main } from "../dist/cli/main.js";

process.exitCode = await main(process.argv.slice(2), process);
// What was written into a pipe that nobody reads would keep the process for ever.
if (process.exitCode === 130) process.exit();
