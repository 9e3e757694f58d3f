import { preferredLanguage } from "./language.js";
import { remembered } from "./memory.js";

/**
 * Everything the page shows; render() draws it.
 *
 * A picture is { id, batch, name, sample, model, file, thumb, width, height, notes, phase, progress,
 * attempts, items, timing, problem } and is replaced, not changed. Its phases: waiting, preparing, sending,
 * classifying, then done, failed, cancelled, or locked (the service asks for a key).
 */
export const state = {
  language: preferredLanguage(),
  topK: Number(remembered("top-k")) || 3,
  opacity: 70, // percent, of the heat map
  wnids: false, // shown?
  pictures: [], // what was chosen last comes first, in the order in which it was chosen
  selected: null, // id of the picture on the stage
  pointed: null, // class_id of the answer whose heat map is shown: under the mouse or the focus
  pinned: null, // ... and when there is none
  service: null, // { type, seconds } while it is waited for
  notice: null, // a Problem that belongs to no picture
  copied: null, // what was copied last: "json" or "curl"
  sort: { column: "order", descending: false },
  more: 0, // how often more rows were asked for
  dragging: false,
  samples: [], // for ImageNet's classes
  models: [], // that are served, as models.js has them; none: the service does not say
  model: remembered("model"), // name of the chosen one
};

let listener = () => {};

/** Call `render(state)` after every change. */
export function onChange(render) {
  listener = render;
}

export function update(changes) {
  Object.assign(state, changes);
  listener(state);
}

export function pictureOf(id) {
  return state.pictures.find((picture) => picture.id === id);
}

export function selectedPicture() {
  return pictureOf(state.selected);
}

/** Change one picture; no effect if it has been removed meanwhile. */
export function changePicture(id, changes) {
  const pictures = state.pictures.map((picture) =>
    picture.id === id ? { ...picture, ...changes } : picture,
  );
  update({ pictures });
}
