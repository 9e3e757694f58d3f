import { Problem } from "./problem.js";

const FOLDER = "samples/";
const TIME_LIMIT = 30_000; // milliseconds

/** The sample pictures with their credits; none where the list can't be loaded. */
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
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIME_LIMIT)]);
    const response = await fetch(sample.address, { signal: limit });
    if (!response.ok) throw new Problem("unexpected", { status: response.status });
    const blob = await response.blob();
    return new File([blob], sample.file, { type: blob.type });
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("network");
  }
}
