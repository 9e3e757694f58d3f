import { Problem } from "./problem.js";

const FOLDER = "samples/";

/** The sample pictures with their credits; none where the list can't be loaded. */
export async function loadSamples() {
  try {
    const response = await fetch(`${FOLDER}credits.json`);
    const credits = await response.json();
    return credits.map((credit) => ({ ...credit, address: FOLDER + credit.file }));
  } catch {
    return [];
  }
}

/** A sample as the file a user could have chosen. */
export async function sampleFile(sample, signal) {
  try {
    const response = await fetch(sample.address, { signal });
    if (!response.ok) throw new Error(response.statusText);
    const blob = await response.blob();
    return new File([blob], sample.file, { type: blob.type });
  } catch {
    throw new Problem("network");
  }
}
