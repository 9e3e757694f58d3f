import { element } from "./dom.js";
import { TAGS, otherLanguage } from "./language.js";

/** A guess's name; undefined in Chinese where the model's labels have none. */
export function nameIn(guess, language) {
  return (language === "zh" ? guess.class_zh : guess.class) || undefined;
}

/** A share as a percentage that never rounds to a certainty the network does not have. */
export function percent(share, language, digits = 1) {
  const format = new Intl.NumberFormat(TAGS[language], {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  const least = 10 ** -(digits + 2);
  if (share < least / 2) return `<${format.format(least)}`;
  if (share >= 1 - least / 2) return `>${format.format(1 - least)}`;
  return format.format(share);
}

/** The names in both languages, the chosen one first. */
export function names(guess, language) {
  return [language, otherLanguage(language)]
    .filter((code) => nameIn(guess, code))
    .flatMap((code) => [element("span", { lang: TAGS[code] }, nameIn(guess, code)), " "]);
}

/**
 * One line of the answer: both names, the percentage, and a bar on a scale from 0 to 100%. As a
 * button it shows what spoke for the class.
 */
export function guessItem(guess, language) {
  const bar = element("span", { class: "bar", "data-bar": "" });
  bar.style.width = `${guess.confidence * 100}%`;
  const parts = [
    element("span", { class: "names" }, ...names(guess, language)),
    element("span", { class: "percent" }, percent(guess.confidence, language)),
    element("span", { class: "track" }, bar),
    element("small", { class: "wnid" }, guess.wnid ?? ""),
  ];
  const line = guess.heatmap
    ? element("button", { type: "button", class: "guess", "data-guess": guess.class_id }, ...parts)
    : element("div", { class: "guess" }, ...parts);
  return element("li", { "data-class-id": guess.class_id }, line);
}
