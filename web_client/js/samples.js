import { keyHeader } from "./key.js";
import { chosenModel } from "./models.js";
import { Problem } from "./problem.js";

const FOLDER = "samples/";
const TIME_LIMIT = 30_000; // milliseconds

/** Models' own pictures that are shown, by address: they need the key, where there is one. */
const own = new Map();

/** Those of the chosen model. */
export function samplesOf(state) {
  const { isImageNet, samples } = chosenModel(state);
  return isImageNet ? state.samples : samples;
}

/** The sample pictures for ImageNet's classes with their credits; none where the list can't be loaded. */
export async function loadSamples() {
  try {
    const response = await fetch(`${FOLDER}credits.json`);
    const credits = await response.json();
    return credits.map((credit) => ({
      ...credit,
      address: FOLDER + credit.file,
      thumb: `thumbs/${credit.file.replace(/\.\w+$/, ".webp")}`,
    }));
  } catch {
    return [];
  }
}

/** A sample as the file a user could have chosen. */
export async function sampleFile(sample, signal) {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT)]);
  const blob = await fetched(sample, limit);
  return new File([blob], sample.file, { type: blob.type });
}

/** Show a sample in an `img`. */
export async function showSample(image, sample) {
  if (!sample.isOwn) {
    image.src = sample.thumb;
    return;
  }
  const { address } = sample;
  if (!own.has(address)) own.set(address, fetched(sample, AbortSignal.timeout(TIME_LIMIT)));
  try {
    image.src = URL.createObjectURL(await own.get(address));
    image.onload = image.onerror = () => URL.revokeObjectURL(image.src);
  } catch {
    own.delete(address); // its button says what it would show, and tells why it can't when pressed
  }
}

async function fetched({ address, isOwn }, signal) {
  const headers = isOwn ? keyHeader() : {};
  try {
    const response = await fetch(address, { headers, signal });
    if (!response.ok) throw new Problem("unexpected", { status: response.status });
    return await response.blob();
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("network");
  }
}
