// No word that anybody types: it cannot be passed to a process.
const STAND_IN = "\u0000-";

/** A command line as yargs can read it, which drops a `-` that is an operand. */
export function hideDashes(argv: readonly string[]): string[] {
  return argv.map((argument) => (argument === "-" ? STAND_IN : argument));
}

/** What yargs says, with the `-` again that {@link hideDashes} took out. */
export function showDash(text: string): string {
  return text.replaceAll(STAND_IN, "-");
}

/** What yargs has read, with the `-` again that {@link hideDashes} took out. */
export function showDashes<T extends Readonly<Record<string, unknown>>>(args: T): T {
  const show = (value: unknown): unknown => (value === STAND_IN ? "-" : Array.isArray(value) ? value.map(show) : value);
  return Object.fromEntries(Object.entries(args).map(([name, value]) => [name, show(value)])) as T;
}
