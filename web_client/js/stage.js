import { draw, element, find, setText } from "./dom.js";
import { nameIn } from "./guess.js";
import { CROP_SHARE, drawHeatmap, whereabouts } from "./heatmap.js";
import { otherLanguage } from "./language.js";
import { MAX_ASPECT } from "./picture.js";
import { text } from "./strings.js";

/** The picture on the stage: what its address was made from, or null. At most one address lives. */
let shown = null;
let broken = null; // a file that the browser can't show

/** The selected picture, and over it what the network saw of it. */
export function renderStage(state, picture) {
  const { language } = state;
  const source = sourceOf(picture);
  show(source);
  find("frame").hidden = !source;
  find("preview").alt = source
    ? text(language, "previewOf", { name: titleOf(picture, language) })
    : "";
  const unshowable = !source && Boolean(picture?.file || picture?.items);
  find("no-preview").hidden = !unshowable;
  find("invitation").hidden = Boolean(source) || unshowable;
  const caption = find("caption");
  caption.hidden = !picture;
  draw(caption, [language, picture?.id, picture?.notes], () =>
    picture ? captionParts(picture, language) : [],
  );
  renderLens(state, picture);
}

/** What the page can show of a picture: the file, or after a reload the small copy. */
function sourceOf(picture) {
  const source = picture?.file ?? picture?.thumb;
  return source && source !== broken ? source : null;
}

function show(source) {
  if (source === shown) return;
  const preview = find("preview");
  if (shown) URL.revokeObjectURL(preview.src);
  shown = source;
  if (source) preview.src = URL.createObjectURL(source);
  else preview.removeAttribute("src");
}

/** Note that the browser can't show what is on the stage. */
export function previewFailed() {
  if (find("preview").hasAttribute("src")) broken = shown;
}

/** The frame takes the picture's form, but for the far ends of a very long one. */
export function fitFrame() {
  const { naturalWidth: width, naturalHeight: height } = find("preview");
  const aspect = Math.min(MAX_ASPECT, Math.max(1 / MAX_ASPECT, width / height));
  const margin = (share) => `${50 * (1 - CROP_SHARE * share)}%`;
  const { style, dataset } = find("frame");
  style.setProperty("--aspect", aspect);
  style.setProperty("--margin-x", margin(Math.min(1, 1 / aspect)));
  style.setProperty("--margin-y", margin(Math.min(1, aspect)));
  dataset.form = aspect < 1 ? "tall" : "wide";
}

export function titleOf({ name, sample }, language) {
  if (!sample) return name;
  return language === "zh" ? sample.title_zh : sample.title;
}

function captionParts(picture, language) {
  // A name may hold letters of the other direction; bdi keeps them from the rest.
  const parts = [element("bdi", { class: "name" }, titleOf(picture, language))];
  if (picture.sample?.author) parts.push(" · ", ...credit(picture.sample, language));
  for (const note of picture.notes) {
    parts.push(element("span", { class: "note", "data-note": note }, text(language, note)));
  }
  return parts;
}

/** Author and licence of a sample, with links to where both are stated. */
export function credit(sample, language) {
  const licence =
    sample.licence === "public domain" ? text(language, "publicDomain") : sample.licence;
  return [
    link(sample.source, text(language, "photoBy", { author: sample.author })),
    " · ",
    link(sample.licence_url, licence),
  ];
}

function link(address, words) {
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words);
}

/** The heat map of the answer that is pointed at, and what explains it. */
function renderLens({ language, topK, opacity, pointed, pinned }, picture) {
  const guesses = picture?.items?.slice(0, topK) ?? [];
  const mapped = guesses.filter(({ heatmap }) => heatmap);
  const guess = mapped.find(({ class_id: id }) => id === (pointed ?? pinned));
  const canvas = find("heatmap");
  find("lens").hidden = !mapped.length || !shown;
  find("view").hidden = !guess || !shown;
  find("lens").classList.toggle("in-use", Boolean(guess));
  setText(find("lens-words"), lensWords(guess, language));
  canvas.style.opacity = opacity / 100;
  find("opacity").value = opacity;
  if (guess) draw(canvas, [picture.id, guess.class_id], () => (drawHeatmap(canvas, guess.heatmap), []));
}

function lensWords(guess, language) {
  if (!guess) return text(language, "lensHint");
  const name = nameIn(guess, language) ?? nameIn(guess, otherLanguage(language));
  const place = whereabouts(guess.heatmap);
  if (place === null) return text(language, "lensNothing", { name });
  return text(language, "lensFor", { name, where: text(language, place) });
}
