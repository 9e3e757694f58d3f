import { predictions } from "./api.js";
import { modelOf } from "./models.js";
import { problemText } from "./strings.js";

/** The first `topK` answers as the API gives them, without their heat maps. */
function answersOf(picture, topK) {
  return picture.items.slice(0, topK).map(({ heatmap, ...item }) => item);
}

export function asJson(picture, topK) {
  return JSON.stringify(answersOf(picture, topK), null, 2);
}

/** The command that asks the same. It names the key's place, not the key. */
export function asCurl(picture, topK, base, withKey) {
  const count = Math.min(topK, picture.items.length); // a model of few classes refuses more
  const address = new URL(`${predictions(modelOf(picture))}?top_k=${count}`, base).href;
  const key = withKey ? ' -H "Authorization: Bearer $ACCESS_KEY"' : "";
  return `curl${key} --data-binary ${quoted(`@${picture.name}`)} ${quoted(address)}`;
}

/** For a POSIX shell. */
function quoted(word) {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

const COLUMNS = ["class", "class_zh", "class_id", "wnid", "confidence"];

/** A table with a row for each picture, as scripts/classify.py --csv writes it (RFC 4180). */
export function asCsv(pictures, topK, language) {
  const ranks = Array.from({ length: topK }, (_, index) => index + 1);
  const suffixed = (rank) => COLUMNS.map((column) => (rank > 1 ? `${column}_${rank}` : column));
  const rows = pictures.map((picture) => {
    const items = picture.phase === "done" ? answersOf(picture, topK) : [];
    const error = picture.problem ? problemText(language, picture.problem) : "";
    const cells = ranks.flatMap((rank) => COLUMNS.map((column) => items[rank - 1]?.[column]));
    const model = items.length ? modelOf(picture).name : "";
    return [picture.name, ...cells, error, model, items[0]?.none_of_these].map(cell);
  });
  return [["file", ...ranks.flatMap(suffixed), "error", "model", "none_of_these"], ...rows]
    .map((row) => `${row.join(",")}\r\n`)
    .join("");
}

/** A spreadsheet takes text that begins like this for a formula and would run it. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value) {
  if (typeof value === "number") return String(value);
  const text = value ?? "";
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Have the browser save a text as a file. */
export function save(name, text) {
  // With a byte order mark Excel reads it as UTF-8.
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken hold of it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url));
}

/** Copy a text; whether that worked. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Over plain HTTP there is no clipboard but by way of a selection.
    return copySelected(text);
  }
}

function copySelected(text) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "off-screen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return copied;
}
