import { element } from "./dom.js";
import { TAGS } from "./language.js";

export function otherLanguage(language) {
  return language === "zh" ? "en" : "zh";
}

/** A guess's name; undefined in Chinese where the model's labels have none. */
export function nameIn(guess, language) {
  return (language === "zh" ? guess.class_zh : guess.class) || undefined;
}

/** A share as a percentage that never rounds to a certainty the network does not have. */
export function percent(share, language) {
  const format = new Intl.NumberFormat(TAGS[language], {
    style: "percent",
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
  });
  if (share < 0.0005) return `<${format.format(0.001)}`;
  if (share >= 0.9995) return `>${format.format(0.999)}`;
  return format.format(share);
}

/** One line of the answer: both names, the percentage, and a bar on a scale from 0 to 100 %. */
export function guessItem(guess, language) {
  const names = [language, otherLanguage(language)]
    .filter((code) => nameIn(guess, code))
    .map((code) => element("span", { lang: TAGS[code] }, nameIn(guess, code)));
  const bar = element("div", { class: "bar", "data-bar": "" });
  bar.style.width = `${guess.confidence * 100}%`;
  return element(
    "li",
    { class: "guess", "data-class-id": guess.class_id },
    element("p", { class: "names" }, ...names.flatMap((name) => [name, " "])),
    element("p", { class: "percent" }, percent(guess.confidence, language)),
    element("div", { class: "track" }, bar),
    element("small", { class: "wnid" }, guess.wnid ?? ""),
  );
}
