const KEY = "language";

/** What `lang` attributes say for each language of the page. */
export const TAGS = { en: "en", zh: "zh-Hans" };

/** The language chosen before, else the first of the browser's that the page has, else English. */
export function preferredLanguage() {
  const wanted = [remembered(), ...(navigator.languages ?? [])];
  return wanted.map((tag) => tag?.slice(0, 2).toLowerCase()).find((code) => code in TAGS) ?? "en";
}

// Storage throws where the browser blocks it; the choice then lasts as long as the page.

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function rememberLanguage(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // See above.
  }
}
