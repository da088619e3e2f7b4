import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";
import type { CliHost } from "../../src/cli/host.js";
import { main } from "../../src/cli/main.js";
import type { ExitCode } from "../../src/errors/index.js";

/** Keeps all that is written to it. */
export class FakeOutput extends Writable {
  text = "";
  readonly #chunks: Buffer[] = [];
  isTTY = false;
  columns = 80;
  /** What every write fails with, if anything. */
  failure: Error | undefined;

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.failure !== undefined) {
      done(this.failure);
      return;
    }
    this.text += chunk.toString();
    this.#chunks.push(chunk);
    this.emit("text");
    done();
  }

  /** All that was written, as bytes. */
  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Settles once `text` was written. */
  async waitFor(text: string): Promise<void> {
    while (!this.text.includes(text)) await new Promise((resolve) => this.once("text", resolve));
  }
}

/** A keyboard, or a pipe. */
class FakeInput extends PassThrough {
  isTTY = false;
  /** Whether the terminal shows what is typed: readline's raw mode means no. */
  echo = true;

  setRawMode(isRaw: boolean): this {
    this.echo = !isRaw;
    return this;
  }
}

/** A process, as far as the command line knows one. */
export class FakeHost extends EventEmitter implements CliHost {
  readonly stdin = new FakeInput();
  readonly stdout = new FakeOutput();
  readonly stderr = new FakeOutput();
  readonly env: NodeJS.ProcessEnv;
  /** Not this machine's own: what it says of registries is none of the tests' business. */
  readonly root = "/no/such/root";

  /** @param env - All that the environment holds; nothing of the real one. */
  constructor(env: NodeJS.ProcessEnv = {}) {
    super();
    this.env = env;
  }

  /** With a terminal on all sides. */
  static atTerminal(env: NodeJS.ProcessEnv = {}): FakeHost {
    const host = new FakeHost(env);
    for (const stream of [host.stdin, host.stdout, host.stderr]) stream.isTTY = true;
    return host;
  }

  /** Runs `sealift` with these arguments. */
  async run(...argv: readonly string[]): Promise<ExitCode> {
    return await main(argv, this);
  }

  /** What `--json` printed. */
  get json(): unknown {
    return JSON.parse(this.stdout.text) as unknown;
  }
}
