const QUALITY = 0.9;
const TO_BLOB_LIMIT = 3_000; // milliseconds: hardened browsers may never call back
const SQUARE = 16; // pixels: a JPEG keeps the colour of one that is as large as its blocks
const COLOURS = ["rgb(200 40 40)", "rgb(40 200 40)", "rgb(40 40 200)", "rgb(200 200 200)"];
const TOLERANCE = 24; // levels of 255, which JPEG and colour management may change

/** Whether what canvases give away is what was drawn, as a promise; null before it is known. */
let honest = null;

/** A canvas as JPEG, or null where the browser holds its pixels back or falsifies them. */
export async function encoded(canvas) {
  honest ??= keepsColours();
  return (await honest) ? blobOf(canvas) : null;
}

/** Browsers that resist fingerprinting give noise or a blank picture, and say nothing. */
async function keepsColours() {
  const canvas = document.createElement("canvas");
  canvas.width = COLOURS.length * SQUARE;
  canvas.height = SQUARE;
  const context = canvas.getContext("2d");
  const paint = (colour, index) => {
    context.fillStyle = colour;
    context.fillRect(index * SQUARE, 0, SQUARE, SQUARE);
  };
  COLOURS.forEach(paint);
  const blob = await blobOf(canvas);
  if (!blob) return false;
  try {
    const bitmap = await createImageBitmap(blob);
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, SQUARE / 2, canvas.width, 1);
    return COLOURS.every((colour, index) => {
      const at = 4 * (index + 0.5) * SQUARE;
      const levels = colour.match(/\d+/g).map(Number);
      return levels.every((level, i) => Math.abs(level - data[at + i]) <= TOLERANCE);
    });
  } catch {
    return false;
  }
}

function blobOf(canvas) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      honest = Promise.resolve(false); // nor will it answer the next time
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
