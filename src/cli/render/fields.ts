/** A name and what it is, on a line of its own. */
export type Field = readonly [name: string, value: string];

/** Fields as lines, their values in one column. */
export function fieldLines(fields: readonly Field[], indent: number): string[] {
  const width = Math.max(...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${" ".repeat(indent)}${name.padEnd(width)}  ${value}`);
}
