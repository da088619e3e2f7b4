import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Login } from "./login.js";
import { type RunResult, run, toolEnvironment } from "./process.js";

const PROGRAM = fileURLToPath(new URL("../../../bin/sealift.js", import.meta.url));

/** The `sealift` command as a user runs it, with a key pair and a home folder of its own. */
export class Sealift {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly password = "correct horse battery staple";
  readonly #home: string;
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(home: string, environment: Readonly<Record<string, string>> = {}) {
    this.#home = home;
    this.#environment = environment;
    this.privateKey = join(home, "test.key");
    this.publicKey = join(home, "test.pub");
  }

  static async in(folder: string): Promise<Sealift> {
    await mkdir(folder, { recursive: true });
    const sealift = new Sealift(folder);
    await sealift.must("keygen", "--output-key-prefix", join(folder, "test"));
    return sealift;
  }

  /** The same command, keys and home folder, with these environment variables besides. */
  with(environment: Readonly<Record<string, string>>): Sealift {
    return new Sealift(this.#home, { ...this.#environment, ...environment });
  }

  /** Writes what `docker login` would, with no credential helper. */
  async login(logins: Readonly<Record<string, Login>>): Promise<void> {
    const auths = Object.entries(logins).map(([host, { username, password }]) => {
      return [host, { auth: Buffer.from(`${username}:${password}`).toString("base64") }] as const;
    });
    const folder = join(this.#home, ".docker");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "config.json"), JSON.stringify({ auths: Object.fromEntries(auths) }));
  }

  /** Runs the command, whatever comes of it. */
  run(...args: readonly string[]): Promise<RunResult> {
    return this.#run(args);
  }

  /** Runs the command with a text on its standard input, whatever comes of it. */
  pipe(input: string, ...args: readonly string[]): Promise<RunResult> {
    return this.#run(args, input);
  }

  #run(args: readonly string[], input?: string): Promise<RunResult> {
    const env = this.#fullEnvironment();
    return run(process.execPath, [PROGRAM, ...args], { env, ...(input === undefined ? {} : { input }) });
  }

  // Neither the keys nor the credentials of whoever runs the tests.
  #fullEnvironment(): Readonly<Record<string, string>> {
    const own = { HOME: this.#home, XDG_CONFIG_HOME: this.#home, DOCKER_CONFIG: join(this.#home, ".docker") };
    return { ...own, COSIGN_PASSWORD: this.password, ...this.#environment };
  }

  /** Runs the command, which must succeed; what it printed on standard output. */
  async must(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(...args);
    if (code !== 0) {
      throw new Error(`expected exit code 0, got ${code} from: sealift ${args.join(" ")}\n${stderr}`);
    }
    return stdout.toString();
  }

  /** Exports `images` to the file `bundle`. */
  export(bundle: string, images: readonly string[], ...options: readonly string[]): Promise<string> {
    return this.must("export", ...images, "--output", bundle, "--key", this.privateKey, ...options);
  }

  /** Exports `images` into a pipe that another process reads; `code` is the exit code, once it has ended. */
  exportPiped(images: readonly string[]): { readonly pipe: Readable; readonly code: Promise<number | null> } {
    const args = [PROGRAM, "export", ...images, "--output", "-", "--key", this.privateKey];
    const env = toolEnvironment(this.#fullEnvironment());
    const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    return { pipe: child.stdout, code: new Promise((resolve) => child.once("exit", resolve)) };
  }
}
