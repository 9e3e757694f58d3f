const QUALITY = 0.9;
const TO_BLOB_LIMIT = 3_000; // milliseconds: hardened browsers may never call back
const COLOURS = ["rgb(200 40 40)", "rgb(40 200 40)", "rgb(40 40 200)", "rgb(200 200 200)"];
const TOLERANCE = 8; // levels of 255: against a fingerprint some change a little, which does no harm

/** Whether canvases give away what was drawn, whenever they are asked; null before it is known. */
let honest = null;

/** A canvas as JPEG, or null where the browser holds its pixels back or falsifies them. */
export async function encoded(canvas) {
  honest ??= keepsColours();
  return honest ? blobOf(canvas) : null;
}

/** Browsers that resist fingerprinting give noise or a blank picture, and say nothing. */
function keepsColours() {
  const canvas = document.createElement("canvas");
  canvas.width = COLOURS.length;
  canvas.height = 1;
  const context = canvas.getContext("2d");
  for (const [index, colour] of COLOURS.entries()) {
    context.fillStyle = colour;
    context.fillRect(index, 0, 1, 1);
  }
  try {
    const { data } = context.getImageData(0, 0, canvas.width, 1);
    const levels = COLOURS.flatMap((colour) => [...colour.match(/\d+/g).map(Number), 255]);
    return levels.every((level, index) => Math.abs(level - data[index]) <= TOLERANCE);
  } catch {
    return false;
  }
}

function blobOf(canvas) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      honest = false; // nor will it answer the next time
      resolve(null);
    }, TO_BLOB_LIMIT);
    const done = (blob) => {
      clearTimeout(timer);
      resolve(blob);
    };
    try {
      canvas.toBlob(done, "image/jpeg", QUALITY);
    } catch {
      done(null);
    }
  });
}
