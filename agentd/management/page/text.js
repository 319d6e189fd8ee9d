// Words and figures. Pure.

// Control, format and bidi characters of names from outside are written out; the joiners that
// emoji and some scripts need stay.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const JOINERS = new Set(["\u200c", "\u200d"]);

export function safe(value) {
  return String(value ?? "").replace(HIDDEN, (letter) =>
    JOINERS.has(letter) ? letter : `\\u{${letter.codePointAt(0).toString(16)}}`,
  );
}

// A text of several lines, such as a stack.
export const safeLines = (value) =>
  String(value ?? "").split("\n").map((line) => safe(line.replaceAll("\t", "    "))).join("\n");

export function duration(seconds) {
  if (seconds == null) return "";
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// The same where there is room for little.
export function coarse(seconds) {
  const parts = duration(seconds).split(" ");
  return parts.slice(0, 2).join(" ");
}

export const millis = (seconds) => (seconds == null ? "–" : String(Math.round(seconds * 1000)));

export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

const two = (number) => String(number).padStart(2, "0");

// The time of day of seconds since the epoch; with the date where it is not today's.
export function clock(seconds, fine = false) {
  const at = new Date(seconds * 1000);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const shown = fine ? `${time}.${String(at.getMilliseconds()).padStart(3, "0")}` : time;
  if (at.toDateString() === new Date().toDateString()) return shown;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${shown}`;
}

const isEmpty = (field) => field === "" || field == null;

// A field of an event: words as they are, facts as name=value, the rest as JSON.
export function value(field) {
  if (typeof field === "string") return field;
  if (field === null || typeof field !== "object" || Array.isArray(field)) return JSON.stringify(field) ?? "";
  return Object.entries(field)
    .filter(([, one]) => !isEmpty(one))
    .map(([name, one]) => `${name}=${value(one)}`)
    .join(" ");
}

const isLong = (field) =>
  (typeof field === "string" && field.trim().includes("\n")) ||
  (Array.isArray(field) && field.length > 0 && field.every((one) => typeof one === "string" || isFacts(one)));
const isFacts = (one) => one !== null && typeof one === "object" && !Array.isArray(one);

// Fields of one line each, and those that need lines of their own: [name, text] pairs.
export function sorted(fields) {
  const short = [];
  const long = [];
  for (const [name, field] of Object.entries(fields ?? {})) {
    if (isLong(field)) long.push([name, Array.isArray(field) ? field.map(value).join("\n") : field.trim()]);
    else if (!isEmpty(field)) short.push([name, value(field)]);
  }
  return { short, long };
}
