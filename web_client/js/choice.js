import { draw, element, find, setText } from "./dom.js";
import { nameIn, percent } from "./guess.js";
import { TAGS, otherLanguage } from "./language.js";
import { NAMED, chosenModel } from "./models.js";
import { text } from "./strings.js";

let drawn = []; // language, models and model that it was drawn from

/** Which model is asked, if there is a choice, and what is known of it. */
export function renderChoice(state) {
  const { language, models } = state;
  const chosen = chosenModel(state);
  const current = [language, models, chosen];
  if (current.every((value, index) => value === drawn[index])) return;
  drawn = current;
  find("choice").hidden = models.length < 2;
  const options = models.map((model) => ({ value: model.name, words: summaryOf(model, language) }));
  draw(find("model"), options, () =>
    options.map(({ value, words }) => element("option", { value }, words)),
  );
  find("model").value = chosen.name;
  const values = { kinds: number(chosen.kinds, language) };
  setText(find("lead"), text(language, chosen.isImageNet ? "lead" : "leadOwn", values));
  setText(find("about"), about(chosen, language));
}

function summaryOf({ name, kinds, evaluation }, language) {
  const accuracy = evaluation && percent(evaluation.accuracy, language, 0);
  const classes = text(language, "classes", { kinds: number(kinds, language) });
  return [name, classes, accuracy].filter(Boolean).join(" · ");
}

function about({ name, kinds, isImageNet, classes, evaluation }, language) {
  const values = { name, kinds: number(kinds, language) };
  const sentences = [];
  if (isImageNet) {
    sentences.push(text(language, "about", values));
  } else {
    const nameOf = (one) => nameIn(one, language) ?? nameIn(one, otherLanguage(language));
    const names = classes.map(nameOf);
    if (kinds > NAMED) names.push("…");
    values.names = names.join(language === "zh" ? "、" : ", ");
    sentences.push(text(language, "aboutOwn", values));
  }
  if (evaluation) {
    const { accuracy, interval, pictures, majority } = evaluation;
    const shares = { accuracy, low: interval[0], high: interval[1], majority };
    for (const [share, value] of Object.entries(shares)) values[share] = percent(value, language);
    values.pictures = number(pictures, language);
    sentences.push(text(language, "aboutWorth", values));
  }
  return sentences.join(language === "zh" ? "" : " ");
}

export function number(value, language) {
  return new Intl.NumberFormat(TAGS[language]).format(value);
}
