import { remember, remembered } from "./memory.js";

const KEY = "language";

/** What `lang` attributes say for each language of the page. */
export const TAGS = { en: "en", zh: "zh-Hans" };

/** The language chosen before, else the first of the browser's that the page has, else English. */
export function preferredLanguage() {
  const wanted = [remembered(KEY), ...(navigator.languages ?? [])];
  return wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((code) => code in TAGS) ?? "en";
}

export function rememberLanguage(language) {
  remember(KEY, language);
}

export function otherLanguage(language) {
  return language === "zh" ? "en" : "zh";
}
