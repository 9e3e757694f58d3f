import { isAnimated } from "./animation.js";
import { encoded } from "./canvas.js";
import { Problem } from "./problem.js";

const MAX_BYTES = 5_000_000; // the gateway's limit
const SHORTER_SIDE = 512; // pixels: twice what the network resizes to, so nothing visible is lost
const THUMB_SIDE = 160; // pixels, the shorter one of what the history keeps: about 6 kB
/** More than this much longer than wide, or wider than long, is not drawn: the network looks at the centre. */
export const MAX_ASPECT = 4;
const LONG = 2; // ... and from here on the user is told so
const HEAD = 1024; // bytes in which every format shows itself
const HEIC_BRANDS = /^(hei[cmsx]|hev[cmsx]|mif1|msf1)$/;

/**
 * The name of a file's format, or a Problem for what the service can't read.
 *
 * The content decides, as in the service: names and media types are often wrong. They only choose
 * the sentence for a file that is refused anyway.
 */
export async function checkedFormat(file) {
  if (file.size === 0) throw new Problem("empty_body");
  const head = await readHead(file);
  const format = formatOf(head);
  if (format) return format;
  const values = { name: file.name };
  if (isHeic(head) || claims(file, /\.(heic|heif|hif)$/i, /^image\/hei[cf]/)) {
    throw new Problem("heic", values);
  }
  if (isSvg(head) || claims(file, /\.svgz?$/i, /^image\/svg/)) throw new Problem("svg", values);
  throw new Problem("not_a_picture", values);
}

async function readHead(file) {
  const bytes = new Uint8Array(await read(file, HEAD));
  // One character a byte, so that strings can be compared.
  return String.fromCharCode(...bytes);
}

async function read(file, bytes) {
  try {
    return await file.slice(0, bytes).arrayBuffer();
  } catch {
    // A folder, or a file that was moved or changed since it was chosen.
    throw new Problem("unreadable", { name: file.name });
  }
}

/** A copy that stays when the file is changed, moved or, by a phone's cloud application, dropped. */
async function inMemory(file) {
  return new Blob([await read(file, file.size)], { type: file.type });
}

function formatOf(head) {
  if (head.startsWith("\xff\xd8\xff")) return "JPEG";
  if (head.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "WEBP";
  if (/^GIF8[79]a/.test(head)) return "GIF";
  // Text can begin like this too; but the header's size, of 4 bytes, is a small number.
  if (head.startsWith("BM") && head.slice(15, 18) === "\0\0\0") return "BMP";
  if (["II*\0", "MM\0*", "II+\0", "MM\0+"].includes(head.slice(0, 4))) return "TIFF";
  if (brands(head).some((brand) => brand === "avif" || brand === "avis")) return "AVIF";
  return null;
}

/** The brands in the file-type box that HEIC and AVIF begin with. */
function brands(head) {
  if (head.slice(4, 8) !== "ftyp") return [];
  const size = [...head.slice(0, 4)].reduce((sum, byte) => sum * 256 + byte.charCodeAt(0), 0);
  return head.slice(8, size).match(/[^]{4}/g) ?? [];
}

function isHeic(head) {
  return brands(head).some((brand) => HEIC_BRANDS.test(brand));
}

function isSvg(head) {
  return /<svg[\s>]/i.test(head);
}

function claims(file, name, type) {
  return name.test(file.name) || type.test(file.type);
}

/**
 * What to upload for a checked picture, and what the page shows of it:
 * { upload, notes, width, height, thumb }, without the last three where the browser can't decode it.
 *
 * The upload is a smaller upright JPEG where that saves the user's time, else the file itself, also
 * where the browser can't decode or encode it.
 */
export async function prepared(file, format) {
  const notes = (await isAnimated(file, format)) ? ["animation"] : [];
  const tooLarge = file.size > MAX_BYTES;
  const bitmap = await decoded(file);
  // The gateway would refuse it too, but only after the upload.
  const unchanged = () => {
    if (tooLarge) throw new Problem("body_too_large");
    return inMemory(file);
  };
  if (!bitmap) return { upload: await unchanged(), notes };
  try {
    const { width, height } = bitmap;
    const short = Math.min(width, height);
    if (Math.max(width, height) > LONG * short) notes.push("long");
    const smaller = short > SHORTER_SIDE || tooLarge ? await jpeg(bitmap, SHORTER_SIDE) : null;
    const thumb = await jpeg(bitmap, THUMB_SIDE);
    return { upload: smaller ?? (await unchanged()), width, height, thumb, notes };
  } finally {
    bitmap.close();
  }
}

async function decoded(file) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return null;
  }
}

/** A JPEG whose shorter side is `side` at most, without far ends; null where the browser gives none. */
async function jpeg(bitmap, side) {
  const short = Math.min(bitmap.width, bitmap.height);
  const width = Math.min(bitmap.width, MAX_ASPECT * short);
  const height = Math.min(bitmap.height, MAX_ASPECT * short);
  const scale = Math.min(1, side / short);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const context = canvas.getContext("2d");
  // JPEG has no alpha: white below, as in the service.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  const [x, y] = [(bitmap.width - width) / 2, (bitmap.height - height) / 2];
  context.drawImage(bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return encoded(canvas);
}
