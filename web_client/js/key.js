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

/** The headers that show the key to the service. Throws a Problem for a key that can't be sent. */
export function keyHeaders() {
  if (!SENDABLE.test(key)) throw new Problem(keyRefused());
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** The word for a refusal: a key is wanted, or the one in use is wrong, and then forgotten. */
export function keyRefused() {
  if (!key) return "unauthorized";
  keepKey("");
  return "wrong_key";
}

export function hasKey() {
  return key !== "";
}
