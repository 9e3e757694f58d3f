import { hasCameraApplication, hasLiveCamera, takePicture } from "./camera.js";
import { find } from "./dom.js";
import { asCsv, asCurl, asJson, copy, save } from "./export.js";
import { keptPictures } from "./history.js";
import { hasKey, keepKey } from "./key.js";
import { rememberLanguage } from "./language.js";
import { remember } from "./memory.js";
import { haveModels } from "./models.js";
import { Problem } from "./problem.js";
import { add, cancel, cancelAll, clear, isPending, retry, tryNow, unlock } from "./queue.js";
import { loadSamples, sampleFile, samplesOf } from "./samples.js";
import { fitFrame, previewFailed } from "./stage.js";
import { onChange, selectedPicture, state, update } from "./store.js";
import { filesOf } from "./transfer.js";
import { render } from "./view.js";

function on(hook, event, listener) {
  find(hook).addEventListener(event, listener);
}

// In: files, drops, pastes, the camera, samples

function addFiles(files) {
  add(files.map((file) => ({ name: file.name, load: () => file })));
}

/** What was dropped or pasted, or a notice of this kind where there is no file in it. */
async function addTransferred(transfer, nothing) {
  const found = await filesOf(transfer);
  if (found.length) add(found);
  else update({ notice: new Problem(nothing) });
}

function addChosen({ target }) {
  const files = [...target.files];
  // So that choosing the same file again is a change again.
  target.value = "";
  if (files.length) addFiles(files);
}

function drop(event) {
  if (event.target === find("key")) return;
  event.preventDefault();
  update({ dragging: false });
  addTransferred(event.dataTransfer, "nothing_dropped");
}

/** Without this a drop would open the picture in place of the page. */
function dragOver(event) {
  if (event.target === find("key")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  if (!state.dragging && event.dataTransfer.types.includes("Files")) update({ dragging: true });
}

function dragLeave(event) {
  // Leaving one element for another of the page is not leaving the page.
  if (event.relatedTarget === null) update({ dragging: false });
}

function paste(event) {
  const hasFiles = event.clipboardData?.files.length > 0;
  if (!hasFiles && event.target === find("key")) return;
  if (hasFiles) event.preventDefault();
  addTransferred(event.clipboardData ?? new DataTransfer(), "nothing_pasted");
}

async function photograph() {
  if (hasCameraApplication() || !hasLiveCamera()) {
    find("camera").click();
    return;
  }
  try {
    const file = await takePicture();
    if (file) addFiles([file]);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    update({ notice: error });
  }
}

function addSample({ target }) {
  const button = target.closest("[data-sample]");
  if (!button) return;
  const sample = samplesOf(state)[Number(button.dataset.sample)];
  add([{ name: sample.file, load: (signal) => sampleFile(sample, signal), sample }]);
}

// Out: the answer, its heat maps, copies

function point(classId) {
  if (state.pointed !== classId) update({ pointed: classId });
}

function guessAt({ target }) {
  const button = target.closest?.("[data-guess]");
  return button ? Number(button.dataset.guess) : null;
}

/** Under the mouse. (A finger points and presses in one; pressing is enough.) */
function hover(event) {
  if (event.pointerType === "mouse") point(guessAt(event));
}

/** Under the focus, where it is visible: not by a click, which pins. */
function focusGuess(event) {
  point(event.target.matches(":focus-visible") ? guessAt(event) : null);
}

function pin(event) {
  const classId = guessAt(event);
  if (classId !== null) update({ pinned: state.pinned === classId ? null : classId });
}

function chooseModel({ target }) {
  remember("model", target.value);
  update({ model: target.value });
}

function chooseTopK({ target }) {
  remember("top-k", target.value);
  update({ topK: Number(target.value) });
}

let copiedTimer;

async function copyAs(kind) {
  const picture = selectedPicture();
  const texts = {
    json: () => asJson(picture, state.topK),
    curl: () => asCurl(picture, state.topK, document.baseURI, hasKey()),
  };
  const copied = await copy(texts[kind]());
  update(copied ? { copied: kind, notice: null } : { notice: new Problem("not_copied") });
  clearTimeout(copiedTimer);
  if (copied) copiedTimer = setTimeout(() => update({ copied: null }), 2000);
}

/** Whether the focus belongs to the key's field if the key is asked for once more. */
let keySent = false;

function retrySelected() {
  // The button disappears; the focus must not.
  find("answer").focus();
  update({ notice: null });
  retry(state.selected);
}

function useKey(event) {
  // Sending the form itself would leave the page, and its policy forbids it.
  event.preventDefault();
  keepKey(find("key").value);
  find("answer").focus();
  keySent = true;
  unlock();
}

/** Where useKey() put the focus it goes on to the field, or the field is done with. */
function tendKeyField() {
  const locked = state.pictures.some(({ phase }) => phase === "locked");
  if (locked && keySent && document.activeElement === find("answer")) {
    keySent = false;
    find("key").select();
  }
  if (!locked && selectedPicture()?.phase === "done") find("key-form").reset();
}

let followed = null;

/** On a phone the answer may lie off the screen when it comes. */
function followAnswer() {
  const { id, phase } = selectedPicture() ?? {};
  const ended = phase === "done" || phase === "failed" || phase === "locked";
  const outcome = state.notice?.type ?? (ended ? id : null);
  if (outcome !== null && outcome !== followed) find("answer").scrollIntoView({ block: "nearest" });
  followed = outcome;
}

// Many

function actOnRow({ target, detail }) {
  const id = Number(target.closest("[data-picture]")?.dataset.picture);
  if (target.closest("[data-select]")) {
    update({ selected: id, pointed: null, pinned: null, notice: null });
  } else if (detail > 1) {
    return; // the second click of two would undo the first
  } else if (target.dataset.action === "cancel") {
    cancel(id);
  } else if (target.dataset.action === "retry") {
    retry(id);
  }
}

function sortBy({ target }) {
  const column = target.closest("[data-column]")?.dataset.column;
  if (!column) return;
  const { sort } = state;
  // Up, down, and as it was.
  if (sort.column !== column) update({ sort: { column, descending: false } });
  else if (!sort.descending) update({ sort: { column, descending: true } });
  else update({ sort: { column: "order", descending: false } });
}

function saveCsv() {
  const inOrder = [...state.pictures].sort((a, b) => a.id - b.id);
  save("pictures.csv", asCsv(inOrder, state.topK, state.language));
}

/** The browser asks, in its own words, before it leaves pictures without their answers. */
function askBeforeLeaving() {
  const ask = (event) => event.preventDefault();
  // Only while there is something to lose: some browsers keep no page with a listener for "back".
  window.onbeforeunload = state.pictures.some(isPending) ? ask : null;
}

function cancelAllPictures() {
  cancelAll();
  find("clear").focus(); // the button disappears
}

function askNow() {
  find("answer").focus();
  tryNow();
}

/** Away with the heat map. */
function escape({ key }) {
  if (key === "Escape" && (state.pointed ?? state.pinned) !== null) {
    update({ pointed: null, pinned: null });
  }
}

function clearAll() {
  clear();
  find("choose").focus();
}

function switchLanguage({ currentTarget }) {
  const { language } = currentTarget.dataset;
  rememberLanguage(language);
  update({ language });
}

on("choose", "click", () => find("file").click());
on("file", "change", addChosen);
on("photo", "click", photograph);
on("camera", "change", addChosen);
on("video", "loadeddata", () => (find("take").disabled = false));
on("take", "click", () => find("camera-dialog").close("take"));
on("leave", "click", () => find("camera-dialog").close());
on("samples", "click", addSample);
on("preview", "load", fitFrame);
on("preview", "error", () => {
  previewFailed();
  render(state);
});
on("results", "pointerover", hover);
on("results", "pointerleave", () => point(null));
on("results", "focusin", focusGuess);
on("results", "focusout", () => point(null));
on("results", "click", pin);
on("opacity", "input", ({ target }) => update({ opacity: Number(target.value) }));
on("model", "change", chooseModel);
on("top-k", "change", chooseTopK);
on("copy-json", "click", () => copyAs("json"));
on("copy-curl", "click", () => copyAs("curl"));
on("wnids", "click", () => update({ wnids: !state.wnids }));
on("retry", "click", retrySelected);
on("key-form", "submit", useKey);
on("try-now", "click", askNow);
on("rows", "click", actOnRow);
on("head", "click", sortBy);
on("cancel-all", "click", cancelAllPictures);
on("csv", "click", saveCsv);
on("more", "click", () => update({ more: state.more + 1 }));
on("clear", "click", clearAll);
for (const button of document.querySelectorAll("button[data-language]")) {
  button.addEventListener("click", switchLanguage);
}
document.addEventListener("dragover", dragOver);
document.addEventListener("dragleave", dragLeave);
document.addEventListener("drop", drop);
document.addEventListener("paste", paste);
document.addEventListener("keydown", escape);

find("photo").hidden = !hasCameraApplication() && !hasLiveCamera();
const kept = keptPictures();
update({ pictures: kept, selected: kept[0]?.id ?? null });
render(state);
followed = state.selected;
onChange(() => {
  render(state);
  followAnswer();
  tendKeyField();
  askBeforeLeaving();
});
performance.mark("interactive");
const [samples] = await Promise.all([loadSamples(), haveModels().catch(() => {})]);
update({ samples });
