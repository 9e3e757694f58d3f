import { draw, element, setText } from "./dom.js";
import { TAGS } from "./language.js";
import { guessItem, otherLanguage, percent, nameIn } from "./guess.js";
import { problemText, text } from "./strings.js";

const SURE = 0.5; // a best guess below it is "not sure"
const BUSY_PHASES = new Set(["preparing", "classifying", "waiting"]);

/** The element marked `data-<hook>`. */
export function find(hook) {
  return document.querySelector(`[data-${hook}]`);
}

/** Draw the whole state. Drawing the same state again changes nothing. */
export function render(state) {
  document.body.dataset.phase = state.phase;
  document.body.toggleAttribute("data-dragging", state.dragging);
  renderWords(state);
  renderPicture(state);
  renderAnswer(state);
  renderSamples(state);
}

function renderWords({ language, picture }) {
  document.documentElement.lang = TAGS[language];
  document.title = text(language, "title");
  for (const node of document.querySelectorAll("[data-text]")) {
    setText(node, text(language, node.dataset.text));
  }
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", text(language, node.dataset.label));
  }
  for (const button of document.querySelectorAll("button[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  setText(find("choose"), text(language, picture ? "chooseAnother" : "choose"));
}

function renderPicture({ language, picture }) {
  const preview = find("preview");
  const url = picture?.url;
  if (!url) preview.removeAttribute("src");
  else if (preview.src !== url) preview.src = url;
  preview.alt = picture ? text(language, "previewOf", { name: title(picture, language) }) : "";
  preview.hidden = !url;
  find("no-preview").hidden = !picture || Boolean(url);
  find("invitation").hidden = Boolean(picture);
  const caption = find("caption");
  caption.hidden = !picture;
  draw(caption, [language, picture], () => (picture ? captionParts(picture, language) : []));
}

function title({ name, sample }, language) {
  if (!sample) return name;
  return language === "zh" ? sample.title_zh : sample.title;
}

function captionParts(picture, language) {
  const { sample, others } = picture;
  // A name may hold letters of the other direction; bdi keeps them from the rest.
  const parts = [element("bdi", { class: "name" }, title(picture, language))];
  if (sample) {
    const author = link(sample.source, text(language, "photoBy", { author: sample.author }));
    const licence = link(sample.licence_url, sample.licence);
    if (sample.licence === "public domain") setText(licence, text(language, "publicDomain"));
    parts.push(" · ", author, " · ", licence);
  }
  if (others) parts.push(" · ", text(language, "onlyFirst", { count: others + 1 }));
  return parts;
}

function link(address, words) {
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words);
}

function renderAnswer(state) {
  const { language, phase, results, problem } = state;
  const status = statusLines(state);
  draw(find("status"), [language, status], () => statusParts(status, language));
  find("problem").hidden = !problem;
  setText(find("error"), problem ? problemText(language, problem) : "");
  find("retry").hidden = !problem?.retryable;
  find("key-form").hidden = !problem?.asksForKey;
  find("key").setAttribute("aria-invalid", String(problem?.type === "wrong_key"));
  const guesses = results ?? [];
  draw(find("results"), [language, guesses], () =>
    guesses.map((guess) => guessItem(guess, language)),
  );
  find("results").hidden = !results;
  find("placeholder").hidden = phase !== "idle" && !BUSY_PHASES.has(phase);
}

/** What the live region says: a headline, perhaps in the other language, and a sentence. */
function statusLines({ language, phase, results, wait }) {
  if (phase === "failed") return {};
  if (phase === "waiting") {
    return { headline: text(language, `waiting_${wait.type}`, { seconds: wait.seconds }) };
  }
  if (phase !== "done") return { headline: text(language, phase) };
  const [best] = results;
  const values = { percent: percent(best.confidence, language) };
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

function renderSamples({ language, samples }) {
  find("samples-section").hidden = !samples.length;
  draw(find("samples"), [samples.length], () => samples.map(sampleItem));
  for (const [index, image] of find("samples").querySelectorAll("img").entries()) {
    image.alt = title({ sample: samples[index] }, language);
  }
}

function sampleItem(sample, index) {
  const image = element("img", {
    src: sample.address,
    alt: "",
    width: 104,
    height: 104,
    loading: "lazy",
    draggable: "false",
  });
  return element("li", {}, element("button", { type: "button", "data-sample": index }, image));
}
