import { number } from "./choice.js";
import { element, find, setText } from "./dom.js";
import { nameIn, names, percent } from "./guess.js";
import { TAGS, otherLanguage } from "./language.js";
import { areSeveral, isOfNone, modelOf } from "./models.js";
import { isPending } from "./queue.js";
import { titleOf } from "./stage.js";
import { problemText, text } from "./strings.js";

const THUMB = 44; // CSS pixels; drawn with twice as many
const ROWS = 200; // shown at first, and more each time: of thousands each change would take long

/** Rows by picture id: { row, picture, language, isSelected, isNamed }, what each was drawn from. */
const rows = new Map();

/** The queue, its results, and the history: one list. */
export function renderTable(state) {
  const { pictures, language, selected, sort, more } = state;
  find("pictures").hidden = !pictures.length;
  const shown = sorted(pictures, sort, language).slice(0, ROWS * (1 + more));
  const ids = new Set(shown.map(({ id }) => id));
  for (const [id, { row }] of rows) {
    if (!ids.has(id)) {
      row.remove();
      rows.delete(id);
    }
  }
  const isNamed = areSeveral(state);
  for (const picture of shown) drawRow(picture, language, picture.id === selected, isNamed);
  arrange(shown.map(({ id }) => rows.get(id).row));
  renderHead(sort);
  const count = Math.min(ROWS, pictures.length - shown.length);
  find("more").hidden = !count;
  setText(find("more"), text(language, "more", { count }));
  renderSummary(pictures, language);
}

/** isNamed: with the name of the model. */
function drawRow(picture, language, isSelected, isNamed) {
  let drawn = rows.get(picture.id);
  if (!drawn) {
    drawn = { row: newRow(picture.id) };
    rows.set(picture.id, drawn);
  }
  const { row } = drawn;
  if (drawn.isSelected !== isSelected) {
    row.querySelector("[data-select]").setAttribute("aria-current", String(isSelected));
  }
  const last = [drawn.picture, drawn.language, drawn.isNamed];
  if ([picture, language, isNamed].some((value, index) => value !== last[index])) {
    if (picture.thumb && drawn.picture?.thumb !== picture.thumb) {
      drawThumb(row.querySelector("canvas"), picture.thumb);
    }
    setText(row.querySelector("bdi"), titleOf(picture, language));
    const outcome = row.querySelector("[data-outcome]");
    outcome.replaceChildren(...outcomeParts(picture, language, isNamed));
    const done = picture.phase === "done";
    const best = bestOf(picture);
    const confidence = row.querySelector("[data-confidence]");
    setText(confidence, best ? percent(best.confidence, language) : "");
    // A sentence needs the place of the figure.
    confidence.hidden = Boolean(picture.problem);
    outcome.colSpan = picture.problem ? 2 : 1;
    const time = done ? text(language, "milliseconds", { total: total(picture) }) : "";
    setText(row.querySelector("[data-time]"), time);
    drawAction(row.querySelector("[data-action]"), picture, language);
  }
  Object.assign(drawn, { picture, language, isSelected, isNamed });
}

function newRow(id) {
  const thumb = element("canvas", { width: 2 * THUMB, height: 2 * THUMB, "aria-hidden": "true" });
  return element(
    "tr",
    { "data-picture": id },
    element(
      "td",
      {},
      element("button", { type: "button", class: "thing", "data-select": "" }, thumb, element("bdi")),
    ),
    element("td", { "data-outcome": "" }),
    element("td", { class: "number", "data-confidence": "" }),
    element("td", { class: "number time", "data-time": "" }),
    element("td", { class: "action" }, element("button", { type: "button", "data-action": "" })),
  );
}

/** Not an image of an address of its own: hundreds of those would have to be kept alive. */
async function drawThumb(canvas, thumb) {
  const bitmap = await createImageBitmap(thumb);
  const side = Math.min(bitmap.width, bitmap.height);
  const [x, y] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
  canvas.getContext("2d").drawImage(bitmap, x, y, side, side, 0, 0, canvas.width, canvas.height);
  bitmap.close();
}

/** The best answer; null for a picture without one, or of none of the classes. */
function bestOf(picture) {
  return picture.phase === "done" && !isOfNone(picture) ? picture.items[0] : null;
}

function outcomeParts(picture, language, isNamed) {
  const { phase, problem, progress } = picture;
  if (phase === "done") {
    const { name, kinds } = modelOf(picture);
    const values = { kinds: number(kinds, language) };
    const best = bestOf(picture);
    const answer = best ? names(best, language) : [text(language, "noneShort", values)];
    return isNamed ? [...answer, element("small", { class: "by" }, name)] : answer;
  }
  if (problem) return [problemText(language, problem)];
  const parts = [text(language, phase)];
  // One without a value would move all the time: some can't bear that, and every frame costs.
  if (phase === "sending") {
    const label = text(language, phase);
    parts.push(element("progress", { max: 1, value: progress, "aria-label": label }));
  }
  return parts;
}

/** What can be done about a picture; one element for all, so that the focus stays. */
function drawAction(button, picture, language) {
  const { phase, problem } = picture;
  const action = isPending({ phase }) ? "cancel" : problem?.retryable ? "retry" : null;
  const hadFocus = document.activeElement === button;
  button.hidden = !action;
  if (hadFocus && !action) button.closest("tr").querySelector("[data-select]").focus();
  if (!action) return;
  button.dataset.action = action;
  const name = titleOf(picture, language);
  button.setAttribute("aria-label", text(language, `${action}Picture`, { name }));
  button.title = text(language, action);
  setText(button, action === "cancel" ? "✕" : "↻");
}

function total({ timing }) {
  return Math.round(timing.total);
}

/** Put rows in their order; those in the right place are not touched. */
function arrange(ordered) {
  const body = find("rows");
  const focused = document.activeElement;
  let place = body.firstElementChild;
  for (const row of ordered) {
    if (row === place) place = place.nextElementSibling;
    else body.insertBefore(row, place);
  }
  // What is moved loses the focus.
  if (document.activeElement !== focused && body.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

function sorted(pictures, { column, descending }, language) {
  if (column === "order") return descending ? [...pictures].reverse() : pictures;
  const collator = new Intl.Collator(TAGS[language], { numeric: true });
  const keys = {
    name: (picture) => titleOf(picture, language),
    answer: (picture) => {
      const guess = bestOf(picture);
      return guess && (nameIn(guess, language) ?? nameIn(guess, otherLanguage(language)));
    },
    confidence: (picture) => bestOf(picture)?.confidence,
    time: (picture) => picture.timing?.total,
  };
  const key = keys[column];
  const compare = (a, b) => {
    const [x, y] = [key(a), key(b)];
    // What has no answer comes last in both directions.
    if (x == null || y == null) return (x == null) - (y == null);
    const order = typeof x === "string" ? collator.compare(x, y) : x - y;
    return descending ? -order : order;
  };
  return [...pictures].sort(compare);
}

function renderHead({ column, descending }) {
  for (const head of document.querySelectorAll("th[data-column]")) {
    const order = descending ? "descending" : "ascending";
    if (head.dataset.column === column) head.setAttribute("aria-sort", order);
    else head.removeAttribute("aria-sort");
  }
}

function renderSummary(pictures, language) {
  setText(find("summary"), summary(pictures, language));
  const pending = pictures.filter(isPending).length;
  find("cancel-all").hidden = !pending;
  find("csv").disabled = !pictures.some(({ phase }) => phase === "done" || phase === "failed");
  const bar = find("all-progress");
  bar.hidden = !pending;
  bar.max = pictures.length;
  bar.value = pictures.length - pending;
}

/** How far the pictures are, in words. */
export function summary(pictures, language) {
  const count = (wanted) => pictures.filter(({ phase }) => phase === wanted).length;
  const values = { count: pictures.length, done: count("done"), failed: count("failed") };
  return text(language, values.failed ? "summaryFailed" : "summary", values);
}
