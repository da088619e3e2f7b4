import { chmod, readFile, writeFile } from "node:fs/promises";
import { TempFolder } from "./temp-folder.js";

/** A folder with credential helpers, which are shell scripts, for a PATH. */
export class HelperFolder implements AsyncDisposable {
  readonly #folder: TempFolder;

  private constructor(folder: TempFolder) {
    this.#folder = folder;
  }

  static async create(): Promise<HelperFolder> {
    return new HelperFolder(await TempFolder.create());
  }

  /** What makes them found, and nothing of the real environment. */
  get env(): NodeJS.ProcessEnv {
    return { PATH: `${this.#folder.path}:/usr/bin:/bin`, HOME: this.#folder.file("home") };
  }

  /** Makes `docker-credential-NAME`; `script` sees the action as `$1`. */
  async add(name: string, script: string): Promise<void> {
    const path = this.#folder.file(`docker-credential-${name}`);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }

  /** Makes one that gives the same answer to every `get`, and counts how often it was asked. */
  async addAnswering(name: string, answer: object): Promise<void> {
    const log = this.logPath(name);
    await this.add(name, `{ echo "$* $(cat)"; } >> '${log}'\ncat <<'END'\n${JSON.stringify(answer)}\nEND`);
  }

  /** Makes one that keeps what it is given, for one registry. */
  async addKeeping(name: string): Promise<void> {
    const [log, kept] = [this.logPath(name), this.#folder.file(`${name}.kept`)];
    await this.add(
      name,
      `input=$(cat)
echo "$* $input" >> '${log}'
case "$1" in
  store) printf %s "$input" > '${kept}' ;;
  erase) rm '${kept}' 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  get) cat '${kept}' 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
esac`,
    );
  }

  /** What {@link log} reads; for scripts that write it themselves. */
  logPath(name: string): string {
    return this.#folder.file(`${name}.log`);
  }

  /** What a helper was asked so far, as `ACTION INPUT`. */
  async log(name: string): Promise<string[]> {
    const text = await readFile(this.logPath(name), "utf8").catch(() => "");
    return text.split("\n").filter(Boolean);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
