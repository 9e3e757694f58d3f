import { renderAnswer } from "./answer.js";
import { renderChoice } from "./choice.js";
import { draw, element, find, setText } from "./dom.js";
import { TAGS } from "./language.js";
import { isPending } from "./queue.js";
import { samplesOf, showSample } from "./samples.js";
import { credit, renderStage, titleOf } from "./stage.js";
import { text } from "./strings.js";
import { renderTable, summary } from "./table.js";

/** Draw the whole state. Drawing the same state again changes nothing. */
export function render(state) {
  const picture = state.pictures.find(({ id }) => id === state.selected);
  const { dataset } = document.body;
  const phase = picture?.phase ?? "idle";
  if (dataset.phase !== phase) dataset.phase = phase;
  document.body.toggleAttribute("data-dragging", state.dragging);
  renderWords(state);
  renderChoice(state);
  renderService(state);
  renderStage(state, picture);
  renderAnswer(state, picture);
  renderTable(state);
  renderSamples(state);
  setText(find("announcement"), announcement(state));
}

/** What a screen reader says, besides the answer of the picture on the stage. */
function announcement({ language, service, copied, pictures }) {
  if (service) return find("service-words").textContent;
  if (copied) return text(language, "copied");
  // Of many pictures at once the end, not each.
  const latest = pictures.filter(({ batch }) => batch === pictures[0].batch);
  return latest.length > 1 && !latest.some(isPending) ? summary(latest, language) : "";
}

let spoken = null;

function renderWords({ language, pictures }) {
  setText(find("choose"), text(language, pictures.length ? "chooseMore" : "choose"));
  // Said again, the same language would make the browser style the whole page again.
  if (language === spoken) return;
  spoken = language;
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
}

function renderService({ language, service }) {
  find("service").hidden = !service;
  setText(find("service-words"), service ? text(language, `waiting_${service.type}`, service) : "");
}

function renderSamples(state) {
  const { language } = state;
  const samples = samplesOf(state);
  find("samples-section").hidden = !samples.length;
  draw(find("samples"), [language, samples], () =>
    samples.map((sample, index) => sampleItem(sample, index, language)),
  );
}

function sampleItem(sample, index, language) {
  const image = element("img", {
    alt: "",
    width: 120,
    height: 120,
    loading: "lazy",
    draggable: "false",
  });
  showSample(image, sample);
  const title = element("span", {}, titleOf({ sample }, language));
  return element(
    "li",
    {},
    element("button", { type: "button", "data-sample": index }, image, title),
    ...(sample.author ? [element("small", {}, ...credit(sample, language))] : []),
  );
}
