/**
 * The answered pictures of this tab, in its session storage: they outlive a reload, but not the tab.
 * Each has a key of its own, so that keeping one does not write all.
 */
const PREFIX = "picture-";

/** An answered picture as text, which keep() takes. */
export async function asText({ file, problem, progress, attempts, ...picture }) {
  const thumb = picture.thumb ? await toBase64(picture.thumb) : null;
  return JSON.stringify({ ...picture, thumb });
}

/** Keep a picture; where storage is full the oldest make room. */
export function keep(id, text) {
  while (!stored(PREFIX + id, text)) {
    const [oldest] = ids();
    if (oldest === undefined) return; // there is no storage, or it is full of other things
    sessionStorage.removeItem(PREFIX + oldest);
  }
}

/** What was kept, in the order of the page's state. */
export function keptPictures() {
  return ids()
    .map((id) => read(PREFIX + id))
    .filter(Boolean)
    .sort((a, b) => b.batch - a.batch || a.id - b.id);
}

export function forgetPictures() {
  for (const id of ids()) sessionStorage.removeItem(PREFIX + id);
}

// Storage throws where the browser blocks it, and setItem() also where it is full.

function stored(key, text) {
  try {
    sessionStorage.setItem(key, text);
    return true;
  } catch {
    return false;
  }
}

/** Oldest first. */
function ids() {
  try {
    return Object.keys(sessionStorage)
      .filter((key) => key.startsWith(PREFIX))
      .map((key) => Number(key.slice(PREFIX.length)))
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

function read(key) {
  try {
    const picture = JSON.parse(sessionStorage.getItem(key));
    if (!Array.isArray(picture.items)) return null;
    return { ...picture, thumb: picture.thumb ? fromBase64(picture.thumb) : null };
  } catch {
    return null; // written by another version of the page
  }
}

async function toBase64(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Blob([bytes], { type: "image/jpeg" });
}
