/** Whether a picture is an animation, of which only the first frame is classified. */
export async function isAnimated(file, format) {
  if (format === "GIF") return hasSecondFrame(await bytesOf(file));
  const head = await bytesOf(file.slice(0, 4096));
  if (format === "WEBP") return textAt(head, 12) === "VP8X" && (head[20] & 2) !== 0;
  if (format === "AVIF") return textAt(head, 8) === "avis";
  // APNG: a chunk acTL before the first of the pixels (https://www.w3.org/TR/png-3/#acTL-chunk).
  if (format === "PNG") return chunks(head).includes("acTL");
  return false;
}

async function bytesOf(blob) {
  return new Uint8Array(await blob.arrayBuffer());
}

function textAt(bytes, at) {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** The types of a PNG's chunks up to its pixels. */
function chunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const types = [];
  for (let at = 8; at + 8 <= bytes.length; at += 12 + view.getUint32(at)) {
    const type = textAt(bytes, at + 4);
    if (type === "IDAT") break;
    types.push(type);
  }
  return types;
}

/** Walks a GIF's blocks (https://www.w3.org/Graphics/GIF/spec-gif89a.txt). */
function hasSecondFrame(bytes) {
  const tableSize = (flags) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0);
  let frames = 0;
  let at = 13 + tableSize(bytes[10]);
  while (at < bytes.length) {
    if (bytes[at] === 0x2c) {
      frames += 1;
      at += 11 + tableSize(bytes[at + 9]); // descriptor, colour table, code size
    } else if (bytes[at] === 0x21) {
      at += 2; // introducer, label
    } else {
      break; // the end, or damage
    }
    while (bytes[at] > 0) at += 1 + bytes[at];
    at += 1;
    if (frames > 1) return true;
  }
  return false;
}
