import { encoded } from "./canvas.js";
import { Problem } from "./problem.js";
import { find } from "./dom.js";

const WIDTH = 1280; // pixels asked for; cameras give what they have
const PROBLEMS = {
  NotAllowedError: "camera_refused",
  NotFoundError: "camera_missing",
  NotReadableError: "camera_in_use",
};

/** Whether a finger is at hand: then the device's own camera application is better. */
export function hasCameraApplication() {
  return matchMedia("(pointer: coarse)").matches;
}

/** Whether the page may show a live picture: browsers allow it on HTTPS and localhost alone. */
export function hasLiveCamera() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

let starting = false;

/** Show the camera's picture and return what the user takes as a file; null if nothing. */
export async function takePicture() {
  const dialog = find("camera-dialog");
  const video = find("video");
  if (starting || dialog.open) return null;
  starting = true;
  find("take").disabled = true; // until the camera shows something
  let stream;
  try {
    const wishes = { width: { ideal: WIDTH }, facingMode: { ideal: "environment" } };
    stream = await navigator.mediaDevices.getUserMedia({ video: wishes });
  } catch (error) {
    throw new Problem(PROBLEMS[error.name] ?? "camera_failed");
  } finally {
    starting = false;
  }
  try {
    video.srcObject = stream;
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
    return dialog.returnValue === "take" ? await frameOf(video) : null;
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}

async function frameOf(video) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await encoded(canvas);
  if (!blob) throw new Problem("camera_failed");
  return new File([blob], "camera.jpg", { type: blob.type });
}
