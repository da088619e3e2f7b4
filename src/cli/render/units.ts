const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** A number of bytes for people, in powers of 1000 as media are sold and as docker counts: `41.2 MB`. */
export function humanBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  // 999.95 would be rounded to 1000.0.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1000 : 999.95)) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 ? 0 : 1)} ${UNITS[unit] ?? ""}`;
}

/** The same with the exact number: `41.2 MB (41,234,567 bytes)`. */
export function exactBytes(bytes: number): string {
  const exact = counted(bytes, "byte");
  return bytes < 1000 ? exact : `${humanBytes(bytes)} (${exact})`;
}

/** Seconds as `0:07`, `12:34` or `1:02:03`. */
export function humanDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const twoDigits = (value: number) => String(value).padStart(2, "0");
  return hours === 0 ? `${minutes}:${twoDigits(rest)}` : `${hours}:${twoDigits(minutes)}:${twoDigits(rest)}`;
}

// toLocaleString would load the data of all languages first, for 25 ms.
const THOUSANDS = /\B(?=(?:\d{3})+$)/g;

/** `1 image`, `2 images`, `1,234 bytes`. */
export function counted(count: number, noun: string): string {
  return `${String(count).replace(THOUSANDS, ",")} ${noun}${count === 1 ? "" : "s"}`;
}
