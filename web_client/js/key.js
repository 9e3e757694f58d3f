import { Problem } from "./problem.js";

const NAME = "access-key";
const SENDABLE = /^[\x21-\x7e]*$/; // no key has others, and with some fetch() throws

/** The access key in use, or "". In the tab's storage it outlives a reload, but not the tab. */
let key = remembered();

// Storage throws where the browser blocks it; the key then lasts as long as the page.

function remembered() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

export function keepKey(word) {
  key = word.trim(); // what is copied often has a space or a line break at its end
  try {
    sessionStorage.setItem(NAME, key);
  } catch {
    // See above.
  }
}

/** The key in use, or "". Throws a Problem for one that can't be sent. */
export function sendableKey() {
  if (!SENDABLE.test(key)) throw forgetKey();
  return key;
}

/** The header that carries it; none where there is no key. Throws like sendableKey(). */
export function keyHeader() {
  const word = sendableKey();
  return word ? { Authorization: `Bearer ${word}` } : {};
}

/** The Problem of a refusal: a key is wanted, or the one in use is wrong and now forgotten. */
export function forgetKey() {
  if (!key) return new Problem("unauthorized");
  keepKey("");
  return new Problem("wrong_key");
}

export function hasKey() {
  return key !== "";
}
