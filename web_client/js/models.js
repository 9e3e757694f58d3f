import { keyHeader } from "./key.js";
import { state, update } from "./store.js";

// Relative: the page may lie below a path.
/** How many of a model's classes are named. */
export const NAMED = 8;
const LIST = `models?classes=${NAMED}`;
const TIME_LIMIT = 10_000; // milliseconds
const PASSES = new Set([401, 429]); // and from 500 on: with a key, or later, the list may be had
const TENCH = "n01440764"; // ImageNet's first class

/** What is asked where no list can be had, as of an older service. */
const UNLISTED = { name: "resnet18", kinds: 1000, isImageNet: true, threshold: null };

/** The list, or that there is none; null: it is to be asked for. */
let asked = null;

/** Have the served models in the state, if the service lists them. Throws as keyHeader() does. */
export function haveModels() {
  asked ??= load();
  return asked;
}

/** Have them once more: they are others now. */
export function renewModels() {
  asked = null;
  return haveModels();
}

async function load() {
  const answer = await ask();
  if (answer === undefined) asked = null;
  else update({ models: answer?.models?.map?.(known).filter(Boolean) ?? [] });
}

/** What the service answers: null for nothing of use, undefined where it may be of use later. */
async function ask() {
  const headers = keyHeader();
  try {
    const response = await fetch(LIST, { headers, signal: AbortSignal.timeout(TIME_LIMIT) });
    if (PASSES.has(response.status) || response.status >= 500) return undefined;
    return response.ok ? await response.json().catch(() => null) : null;
  } catch {
    return undefined;
  }
}

/** A listed model as the page needs it; undefined for what is none. */
function known(listed) {
  if (typeof listed?.name !== "string" || !Array.isArray(listed.classes)) return undefined;
  const { name, ready, class_count: kinds, classes, evaluation, samples } = listed;
  return {
    name,
    isReady: ready,
    kinds,
    isImageNet: kinds === UNLISTED.kinds && classes[0].wnid === TENCH,
    classes,
    evaluation,
    threshold: listed.none_of_these?.threshold ?? null,
    samples: samples.map(({ file, ...shown }) => ({
      file: file.split("/").at(-1),
      address: file.slice(1),
      isOwn: true,
      title: shown.class,
      title_zh: shown.class_zh ?? shown.class,
    })),
  };
}

/** The one that the user chose, as long as it is served. */
export function chosenModel({ models, model }) {
  const isNamed = ({ name }) => name === model;
  // Where nothing was chosen, the first that can answer.
  return models.find(isNamed) ?? models.find(({ isReady }) => isReady) ?? models[0] ?? UNLISTED;
}

/** What a picture keeps of the model that it is for; null while the models are not known. */
export function modelForNext() {
  return state.models.length ? brief(chosenModel(state)) : null;
}

/** Once that is known or can't be. */
export async function modelFor(picture) {
  await haveModels();
  return picture.model ?? brief(chosenModel(state));
}

function brief({ name, kinds, threshold }) {
  return { name, kinds, threshold };
}

/** The model that answered a picture. One of an older page does not say. */
export function modelOf(picture) {
  return picture.model ?? UNLISTED;
}

/** Whether a name need be put to what a model answered. */
export function areSeveral({ models, pictures }) {
  return new Set([...models, ...pictures.map(modelOf)].map(({ name }) => name)).size > 1;
}

/** Whether an answered picture is judged to be of none of the model's classes. */
export function isOfNone({ items, model }) {
  return items[0].none_of_these >= (model?.threshold ?? Infinity);
}
