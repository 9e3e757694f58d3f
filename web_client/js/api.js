import { keyHeaders, keyRefused } from "./key.js";
import { Problem } from "./problem.js";
import { hasProblemText } from "./strings.js";

const ADDRESS = "predictions/resnet18"; // relative: the page may lie below a path
const TIME_LIMIT = 60_000; // milliseconds for one request
const DEFAULT_WAIT = 2; // seconds, where the service does not say
const LONGEST_WAIT = 30; // seconds; beyond it the user decides
const SHOWN = 3;

/** For answers that carry no word of the service, such as a foreign proxy's. */
const TYPE_OF_STATUS = {
  401: "unauthorized",
  404: "not_found",
  405: "method_not_allowed",
  411: "length_required",
  413: "body_too_large",
  415: "unsupported_format",
  421: "wrong_host",
  422: "corrupt_picture",
  429: "busy",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/**
 * The best guesses for a picture, best first. Throws a Problem.
 *
 * A service that is busy or starting says when to come back: that is done once, after telling
 * `onWait(type, seconds)`. Aborting `signal` ends the request or the wait.
 */
export async function classify(picture, signal, onWait) {
  try {
    return await request(picture, signal);
  } catch (problem) {
    const seconds = problem.wait;
    if (seconds === undefined || seconds > LONGEST_WAIT) throw problem;
    onWait(problem.type, seconds);
    await pause(seconds, signal);
    return request(picture, signal);
  }
}

async function request(picture, signal) {
  const { response, text } = await send(picture, keyHeaders(), signal);
  const answer = parse(text);
  if (response.ok) {
    if (!isResults(answer)) throw new Problem("bad_answer");
    return answer.slice(0, SHOWN);
  }
  const type = problemType(response.status, answer);
  if (type === "unauthorized") throw new Problem(keyRefused());
  const problem = new Problem(type, { status: response.status });
  if (response.status === 429 || response.status === 503) problem.wait = retryAfter(response);
  throw problem;
}

/** The response and its whole text: the time limit covers both. */
async function send(picture, headers, signal) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort();
  }, TIME_LIMIT);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    const response = await fetch(ADDRESS, {
      method: "POST",
      headers,
      body: picture,
      signal: controller.signal,
    });
    return { response, text: await response.text() };
  } catch {
    // Whoever aborted `signal` does not listen any more.
    throw new Problem(late ? "timeout" : "network");
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isResults(answer) {
  return (
    Array.isArray(answer) &&
    answer.length > 0 &&
    answer.every((guess) => typeof guess?.class === "string" && Number.isFinite(guess.confidence))
  );
}

function problemType(status, answer) {
  if (hasProblemText(answer?.type)) return answer.type;
  return TYPE_OF_STATUS[status] ?? (answer === undefined ? "bad_answer" : "unexpected");
}

/** Seconds to wait; the header has seconds or a date (RFC 9110, 10.2.3). */
function retryAfter(response) {
  const header = response.headers.get("Retry-After") ?? "";
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : DEFAULT_WAIT;
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new Problem("network"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", stop, { once: true });
  });
}
