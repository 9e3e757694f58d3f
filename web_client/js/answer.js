import { number } from "./choice.js";
import { draw, element, find, setText } from "./dom.js";
import { guessItem, nameIn, percent } from "./guess.js";
import { TAGS, otherLanguage } from "./language.js";
import { areSeveral, isOfNone, modelOf } from "./models.js";
import { isPending } from "./queue.js";
import { problemText, text } from "./strings.js";

const SURE = 0.5; // a best guess below it is "not sure"

/** What became of the selected picture. */
export function renderAnswer(state, picture) {
  const { language, topK, pinned, wnids, copied } = state;
  const done = picture?.phase === "done";
  const guesses = done ? picture.items.slice(0, topK) : [];
  const status = statusLines(picture, language);
  draw(find("status"), [language, picture?.id, status], () => statusParts(status, language));
  renderProblem(state, picture);
  draw(find("results"), [language, picture?.id, guesses], () =>
    guesses.map((guess) => guessItem(guess, language)),
  );
  for (const button of find("results").querySelectorAll("[data-guess]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.guess) === pinned));
  }
  find("results").hidden = !done;
  find("results").classList.toggle("with-wnids", wnids);
  find("wnids").hidden = !guesses.some(({ wnid }) => wnid);
  find("wnids").setAttribute("aria-pressed", String(wnids));
  find("tools").hidden = !done;
  if (done) renderTopK(picture.items.length, topK);
  for (const kind of ["json", "curl"]) {
    const word = kind === copied ? "copied" : `copy_${kind}`;
    setText(find(`copy-${kind}`), text(language, word));
  }
  find("timing").hidden = !done;
  if (done) setText(find("timing"), timingText(picture, language, areSeveral(state)));
  find("placeholder").hidden = Boolean(picture) && !isPending(picture);
}

/** Of a model of few classes no more answers can be had. */
function renderTopK(most, topK) {
  for (const option of find("top-k").options) {
    option.hidden = option.disabled = Number(option.value) > most;
  }
  find("top-k").value = Math.min(topK, most);
}

function renderProblem({ language, notice, pictures }, picture) {
  // A picture that waits for a key holds up all others, whichever is on the stage.
  const locked = pictures.find(({ phase }) => phase === "locked");
  const problem = locked?.problem ?? notice ?? picture?.problem;
  find("problem").hidden = !problem;
  setText(find("error"), problem ? problemText(language, problem) : "");
  find("retry").hidden = !problem?.retryable;
  find("key-form").hidden = !locked;
  find("key").setAttribute("aria-invalid", String(problem?.type === "wrong_key"));
}

/** What the live region says: a headline, perhaps in the other language, and a sentence. */
function statusLines(picture, language) {
  if (!picture) return { headline: text(language, "idle") };
  if (picture.problem) return {};
  if (picture.phase !== "done") return { headline: text(language, picture.phase) };
  const [best] = picture.items;
  const values = {
    percent: percent(best.confidence, language),
    kinds: number(modelOf(picture).kinds, language),
  };
  if (isOfNone(picture)) {
    values.percent = percent(best.none_of_these, language);
    return { headline: text(language, "none", values), detail: text(language, "noneWhy", values) };
  }
  if (best.confidence < SURE) {
    return { headline: text(language, "notSure"), detail: text(language, "notSureWhy", values) };
  }
  const name = nameIn(best, language);
  return {
    headline: name ?? nameIn(best, otherLanguage(language)),
    foreign: !name,
    detail: text(language, "sureWhy", values),
  };
}

function statusParts({ headline, foreign, detail }, language) {
  const parts = [];
  if (headline) {
    const attributes = { class: "headline" };
    if (foreign) attributes.lang = TAGS[otherLanguage(language)];
    parts.push(element("p", attributes, headline));
  }
  if (detail) parts.push(element("p", { class: "detail" }, detail));
  return parts;
}

/** Where the time went; to the transfer belongs what the model's side does not account for. */
function timingText(picture, language, isNamed) {
  const { total, queue, model } = picture.timing;
  const values = { total: Math.round(total) };
  let word = "timeTotal";
  if (queue !== undefined && model !== undefined) {
    word = "timeShares";
    values.queue = Math.round(queue);
    values.model = Math.round(model);
    values.transfer = Math.max(0, values.total - values.queue - values.model);
  }
  const times = text(language, word, values);
  return isNamed ? `${modelOf(picture).name} · ${times}` : times;
}
