import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

// By its address, since commands run in a folder of their own.
const TSX = import.meta.resolve("tsx");
const PROGRAM = fileURLToPath(new URL("cli-process.ts", import.meta.url));

/** How a shell calls the command line of the source. */
export const SEALIFT = [process.execPath, "--import", TSX, PROGRAM].map((word) => `'${word}'`).join(" ");

/** Starts the command line of the source as a process of its own. */
export function startSealift(folder: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  return spawn(process.execPath, ["--import", TSX, PROGRAM, ...args], { cwd: folder, stdio });
}

/** Waits until a process says something on stderr. */
export async function untilItSays(child: ChildProcess, text: string): Promise<void> {
  let said = "";
  for await (const chunk of child.stderr ?? []) {
    said += String(chunk);
    if (said.includes(text)) return;
  }
  throw new Error(`it ended, and said: ${said}`);
}
