import { classify, isReady } from "./api.js";
import { asText, forgetPictures, keep } from "./history.js";
import { modelFor, modelForNext, renewModels } from "./models.js";
import { checkedFormat, prepared } from "./picture.js";
import { Problem } from "./problem.js";
import { changePicture, pictureOf, state, update } from "./store.js";

const IN_FLIGHT = 4;
const ATTEMPTS = 5; // of one picture, while the service says that it is ready
const LONGEST_PAUSE = 10; // seconds between two questions whether the service is back

/** What a picture's work needs and nobody sees: { load, upload, controller }, by id. */
const jobs = new Map();
/** Pictures are decoded one by one: a photograph takes 100 MB meanwhile. */
let preparing = Promise.resolve();
/** Models that are stood by for, by name: { type, seconds }. What befalls one holds up no other. */
const away = new Map();
/** What ends the pauses of standBy(). */
const pauses = new Set();
/** Never used again, so that nothing of a forgotten picture is taken for a later one's. */
let lastId = 0;

const IN_WORK = new Set(["preparing", "sending", "classifying"]);

/** Whether it may still get its answer without the user doing anything. */
export function isPending({ phase }) {
  return phase === "waiting" || IN_WORK.has(phase);
}

/** Queue pictures, { name, load(signal), sample }, and show the first of them. */
export function add(sources) {
  const first = Math.max(lastId, ...state.pictures.map(({ id }) => id)) + 1;
  lastId = first + sources.length - 1;
  const pictures = sources.map(({ name, sample = null }, index) => ({
    id: first + index,
    batch: first,
    name,
    sample,
    model: modelForNext(),
    notes: [],
    phase: "waiting",
    attempts: 0,
  }));
  for (const [index, { id }] of pictures.entries()) jobs.set(id, { load: sources[index].load });
  update({
    pictures: [...pictures, ...state.pictures],
    selected: pictures[0].id,
    pointed: null,
    pinned: null,
    notice: null,
  });
  startNext();
}

/** Once more, from the start: by the model that is chosen now. */
export function retry(id) {
  changePicture(id, { phase: "waiting", attempts: 0, problem: null, model: modelForNext() });
  startNext();
}

/** All that waited for an access key. */
export function unlock() {
  const locked = state.pictures.filter(({ phase }) => phase === "locked");
  for (const { id } of locked) retry(id);
}

export function cancel(id) {
  cancelThose((picture) => picture.id === id);
}

export function cancelAll() {
  cancelThose(() => true);
}

function cancelThose(wanted) {
  const cancelled = { phase: "cancelled", problem: new Problem("cancelled"), progress: null };
  const pictures = state.pictures.map((picture) => {
    if (!wanted(picture) || !isPending(picture)) return picture;
    jobs.get(picture.id).controller?.abort();
    return { ...picture, ...cancelled };
  });
  update({ pictures });
  if (!pictures.some(isPending)) tryNow(); // nothing to stand by for
  startNext();
}

/** Forget every picture, here and in the browser's storage. */
export function clear() {
  cancelAll();
  jobs.clear();
  forgetPictures();
  update({ pictures: [], more: 0, selected: null, pointed: null, pinned: null, notice: null });
}

/** Ask the service at once whether it is back. */
export function tryNow() {
  for (const end of pauses) end();
}

function startNext() {
  for (;;) {
    const { pictures } = state;
    const inWork = pictures.filter(({ phase }) => IN_WORK.has(phase)).length;
    // One that waits for a key shows that others need it too.
    const locked = pictures.some(({ phase }) => phase === "locked");
    const next = pictures
      .filter(({ phase, model }) => phase === "waiting" && !away.has(model?.name))
      .sort((a, b) => a.id - b.id)[0];
    if (!next || locked || inWork >= IN_FLIGHT) return;
    work(next.id);
  }
}

async function work(id) {
  const job = jobs.get(id);
  const controller = new AbortController();
  const { signal } = controller;
  job.controller = controller;
  const show = (changes) => {
    if (!signal.aborted) changePicture(id, changes);
  };
  show({ phase: "preparing" });
  try {
    job.upload ??= await prepare(job, signal, show);
    signal.throwIfAborted();
    const model = await modelFor(pictureOf(id));
    signal.throwIfAborted();
    show({ phase: "sending", progress: 0, model });
    const { items, timing } = await classify(job.upload, model, signal, (progress) =>
      show(progress < 1 ? { progress } : { phase: "classifying", progress: null }),
    );
    show({ phase: "done", progress: null, problem: null, items, timing });
    job.upload = null;
  } catch (error) {
    const reason = await explained(error, id);
    if (!signal.aborted) fail(id, reason);
  }
  startNext();
  const picture = pictureOf(id);
  if (picture?.phase !== "done") return;
  const text = await asText(picture);
  if (pictureOf(id)) keep(id, text); // not cleared meanwhile
}

/** One after the other. */
function inTurn(make) {
  const made = preparing.then(make);
  preparing = made.catch(() => {}); // whoever waits for `made` hears of it
  return made;
}

/** What to upload. The picture is shown meanwhile. */
async function prepare({ load }, signal, show) {
  const file = await load(signal);
  return inTurn(async () => {
    signal.throwIfAborted(); // cancelled while it waited for its turn
    const format = await checkedFormat(file);
    show({ file });
    const { upload, ...facts } = await prepared(file, format);
    show(facts);
    signal.throwIfAborted(); // or what was shown is missing at the next attempt
    return upload;
  });
}

/** What is not found may be a model that is served no longer. */
async function explained(error, id) {
  if (error.type !== "not_found") return error;
  await renewModels();
  const name = pictureOf(id)?.model?.name;
  const isGone = state.models.length > 0 && !state.models.some((model) => model.name === name);
  return isGone ? new Problem("model_gone", { name }) : error;
}

function fail(id, error) {
  const problem = error instanceof Problem ? error : new Problem("page_error");
  if (problem !== error) reportError(error);
  if (problem.asksForKey) {
    // The others that are on their way were sent with the same key.
    const asked = state.pictures.find(({ phase }) => phase === "locked");
    changePicture(id, { phase: "locked", problem: asked?.problem ?? problem, progress: null });
    return;
  }
  const { attempts: before, model } = pictureOf(id);
  const attempts = before + (problem.type === "busy" ? 0 : 1);
  if (problem.passes && attempts < ATTEMPTS) {
    changePicture(id, { phase: "waiting", attempts, progress: null });
    standBy(problem, model);
  } else {
    changePicture(id, { phase: "failed", problem, progress: null });
  }
}

/** Start nothing for the model until it takes pictures again. */
async function standBy({ type, wait = 1 }, model) {
  const name = model?.name;
  if (away.has(name)) return;
  const isWaited = (picture) => isPending(picture) && picture.model?.name === name;
  for (let seconds = wait; ; seconds = Math.min(2 * seconds, LONGEST_PAUSE)) {
    away.set(name, { type, seconds });
    showAway();
    await pause(seconds);
    // A busy service knows best when it has a place; one that is away may take longer.
    if (type === "busy" || !state.pictures.some(isWaited) || (await isReady(model))) break;
  }
  away.delete(name);
  showAway();
  startNext();
}

function showAway() {
  const [service = null] = away.values();
  update({ service });
}

function pause(seconds) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      pauses.delete(end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    pauses.add(end);
  });
}

addEventListener("online", tryNow);
