import type { DamagedBytes } from "../../index.js";
import { type Field, fieldLines } from "./fields.js";
import { counted, exactBytes } from "./units.js";

// More are for --json: nobody reads them one by one.
const MAX_PLACES = 20;

const FAULT_TEXT = {
  missing: "missing or not readable",
  header: "not the tar header, padding or end that belongs there",
  content: "not as it was written",
} as const;

/** What is wrong with a bundle, place by place. */
export function damageLines(damage: readonly DamagedBytes[]): readonly string[] {
  const more = damage.length - MAX_PLACES;
  return [
    ...damage.slice(0, MAX_PLACES).flatMap(placeLines),
    ...(more > 0 ? [`  and ${counted(more, "more place")}; --json lists all`] : []),
  ];
}

/** `2 places of 1 file, which 3 images need`. */
export function damageSummary(damage: readonly DamagedBytes[]): string {
  const files = new Set(damage.map(({ path }) => path)).size;
  const images = new Set(damage.flatMap(({ images: names }) => names)).size;
  const needed =
    images === 0 ? "no image needs them" : `${counted(images, "image")} ${images === 1 ? "needs" : "need"} them`;
  return `${counted(damage.length, "place")} of ${counted(files, "file")}; ${needed}`;
}

function placeLines({ position, length, fault, path, images, places }: DamagedBytes): string[] {
  const fields: Field[] = [
    ["what", FAULT_TEXT[fault]],
    ["of", path ?? "the end of the tar"],
  ];
  for (const [at, { file, offset }] of places.entries()) {
    fields.push([at === 0 ? "in" : "and in", `${file}, from its byte ${offset} on`]);
  }
  for (const [at, name] of images.entries()) fields.push([at === 0 ? "needed by" : "", name]);
  return [`  ${exactBytes(length)} from byte ${position} on`, ...fieldLines(fields, 4)];
}
