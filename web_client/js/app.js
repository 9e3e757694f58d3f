import { classify } from "./api.js";
import { keepKey } from "./key.js";
import { preferredLanguage, rememberLanguage } from "./language.js";
import { checkedFormat, prepared } from "./picture.js";
import { Problem } from "./problem.js";
import { loadSamples, sampleFile } from "./samples.js";
import { find, render } from "./view.js";

/** Everything the page shows; render() draws it and nothing else changes the document. */
const state = {
  language: preferredLanguage(),
  phase: "idle", // then preparing, classifying, waiting, done or failed
  picture: null, // { name, url, others, sample }; url is null where the browser can't show it
  results: null,
  wait: null, // { type, seconds } in phase waiting
  problem: null,
  dragging: false,
  samples: [],
};

/** The picture in work. A newer one takes its place, and whatever comes of the older is dropped. */
let job = null;

function update(changes) {
  Object.assign(state, changes);
  render(state);
}

/** Classify what `load(signal)` gives. `about` says more of it: `others`, `sample`. */
async function start(load, about = {}) {
  job?.controller.abort();
  const controller = new AbortController();
  const current = { load, about, controller, shown: false };
  job = current;
  const replaced = () => job !== current;
  update({ phase: "preparing", results: null, problem: null });
  try {
    const file = await load(controller.signal);
    const format = await checkedFormat(file);
    if (replaced()) return;
    showPicture(file, about);
    current.shown = true;
    const upload = await prepared(file, format);
    if (replaced()) return;
    update({ phase: "classifying" });
    const results = await classify(upload, controller.signal, (type, seconds) => {
      if (!replaced()) update({ phase: "waiting", wait: { type, seconds } });
    });
    if (replaced()) return;
    update({ phase: "done", results, problem: null });
    find("key-form").reset();
  } catch (error) {
    if (!replaced()) fail(error);
  }
  // On a phone the answer may lie off the screen.
  if (!replaced()) find("answer").scrollIntoView({ block: "nearest" });
}

function fail(error) {
  // The preview is still that of the picture before.
  if (!job.shown) hidePicture();
  if (error instanceof Problem) {
    update({ phase: "failed", problem: error });
    // Where retry() put the focus it goes on to the field; elsewhere it stays.
    if (error.asksForKey && document.activeElement === find("answer")) find("key").select();
  } else {
    update({ phase: "failed", problem: new Problem("page_error") });
    reportError(error);
  }
}

function showPicture(file, about) {
  hidePicture();
  update({ picture: { name: file.name, url: URL.createObjectURL(file), ...about } });
}

function hidePicture() {
  if (state.picture?.url) URL.revokeObjectURL(state.picture.url);
  update({ picture: null });
}

/** Start with the first of some files. One picture at a time: the caption says how many it left. */
function startFiles(files) {
  const [file] = files;
  start(() => file, { others: files.length - 1 });
}

function startInput(event) {
  const files = [...event.target.files];
  // So that choosing the same file again is a change again.
  event.target.value = "";
  if (files.length) startFiles(files);
}

function drop(event) {
  event.preventDefault();
  update({ dragging: false });
  const files = [...event.dataTransfer.files];
  if (files.length) startFiles(files);
  else noFiles("nothing_dropped");
}

function paste(event) {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) {
    noFiles("nothing_pasted");
    return;
  }
  event.preventDefault();
  startFiles(files);
}

function noFiles(type) {
  // Text may be the key that the page asks for.
  if (!state.problem?.asksForKey) update({ problem: new Problem(type) });
}

/** Without this a drop would open the picture in place of the page. */
function dragOver(event) {
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  if (!state.dragging) update({ dragging: true });
}

function dragLeave(event) {
  // Leaving one element for another of the page is not leaving the page.
  if (event.relatedTarget === null) update({ dragging: false });
}

function retry() {
  // The button disappears; the focus must not.
  find("answer").focus();
  start(job.load, job.about);
}

function useKey(event) {
  // Sending the form itself would leave the page, and its policy forbids it.
  event.preventDefault();
  keepKey(find("key").value);
  retry();
}

function switchLanguage(event) {
  const { language } = event.currentTarget.dataset;
  rememberLanguage(language);
  update({ language });
}

function startSample(event) {
  const button = event.target.closest("[data-sample]");
  if (!button) return;
  const sample = state.samples[Number(button.dataset.sample)];
  start((signal) => sampleFile(sample, signal), { sample });
}

function previewFailed() {
  const { picture } = state;
  // An event of an older preview may come late.
  if (!picture?.url || find("preview").src !== picture.url) return;
  URL.revokeObjectURL(picture.url);
  update({ picture: { ...picture, url: null } });
}

find("choose").addEventListener("click", () => find("file").click());
find("photo").addEventListener("click", () => find("camera").click());
find("file").addEventListener("change", startInput);
find("camera").addEventListener("change", startInput);
find("retry").addEventListener("click", retry);
find("key-form").addEventListener("submit", useKey);
find("samples").addEventListener("click", startSample);
find("preview").addEventListener("error", previewFailed);
for (const button of document.querySelectorAll("button[data-language]")) {
  button.addEventListener("click", switchLanguage);
}
document.addEventListener("dragover", dragOver);
document.addEventListener("dragleave", dragLeave);
document.addEventListener("drop", drop);
document.addEventListener("paste", paste);

render(state);
update({ samples: await loadSamples() });
