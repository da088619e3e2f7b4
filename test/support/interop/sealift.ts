import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunResult, run } from "./process.js";

const PROGRAM = fileURLToPath(new URL("../../../bin/sealift.js", import.meta.url));

/** The `sealift` command as a user runs it, with a key pair and a home folder of its own. */
export class Sealift {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly password = "correct horse battery staple";
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
    this.privateKey = join(home, "test.key");
    this.publicKey = join(home, "test.pub");
  }

  static async in(folder: string): Promise<Sealift> {
    await mkdir(folder, { recursive: true });
    const sealift = new Sealift(folder);
    await sealift.must("keygen", "--output-key-prefix", join(folder, "test"));
    return sealift;
  }

  /** Runs the command, whatever comes of it. */
  run(...args: readonly string[]): Promise<RunResult> {
    // Neither the keys nor the credentials of whoever runs the tests.
    const env = { HOME: this.#home, XDG_CONFIG_HOME: this.#home, COSIGN_PASSWORD: this.password };
    return run(process.execPath, [PROGRAM, ...args], { env });
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
}
