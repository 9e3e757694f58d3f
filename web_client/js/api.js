import { forgetKey, keyHeader, sendableKey } from "./key.js";
import { Problem } from "./problem.js";
import { hasProblemText } from "./strings.js";

// Relative: the page may lie below a path.
const PREDICTIONS = "predictions";
const EXPLANATIONS = "explanations";
const READY = "ready";
const TIME_LIMIT = 60_000; // milliseconds for one request
const READY_LIMIT = 10_000; // ... and to ask whether it is ready
const DEFAULT_WAIT = 2; // seconds, where the service does not say
const LONGEST_WAIT = 60; // seconds, whatever it says
/** How many answers are asked for; how many of them are shown is the user's choice. */
const MOST = 10;
/** ... of models that refused to give as many, by name. */
const most = new Map();

/** For answers that carry no word of the service, such as a foreign proxy's. */
const TYPE_OF_STATUS = {
  401: "unauthorized",
  404: "not_found",
  405: "method_not_allowed",
  408: "incomplete_body",
  413: "body_too_large",
  415: "unsupported_format",
  421: "wrong_host",
  422: "corrupt_picture",
  429: "busy",
};
const FIRST_OF_PROXIES = 502; // from here on a status means that what is behind is away, as in 522

/** Where a model is asked, from the page's own address. */
export function predictions({ name }) {
  return `${PREDICTIONS}/${name}`;
}

/**
 * A picture's classes by a model, { name, kinds }, with their heat maps, best first: { items, timing }, of timing in milliseconds
 * { total, queue, model }, the last two undefined where the service doesn't say.
 *
 * Throws a Problem; its `wait` is in how many seconds a busy or starting service wants to be asked
 * again. `onProgress` is told the share of the picture that is sent. Aborting `signal` ends it.
 */
export async function classify(picture, model, signal, onProgress) {
  const began = performance.now();
  const key = sendableKey();
  const topK = topKOf(model);
  const headers = { "X-Top-K": topK, ...keyHeader() };
  const request = await post(`${EXPLANATIONS}/${model.name}`, picture, headers, signal, onProgress);
  const total = performance.now() - began;
  const answer = parse(request.responseText);
  if (request.status === 200) {
    if (!isResults(answer)) throw new Problem("bad_answer");
    const shares = serverTiming(request.getResponseHeader("Server-Timing"));
    return { items: answer, timing: { total, ...shares } };
  }
  const type = problemType(request.status, answer);
  const again = () => classify(picture, model, signal, onProgress);
  if (type === "unauthorized") {
    // Another key may have been entered since this one was sent.
    if (key !== sendableKey()) return again();
    throw forgetKey();
  }
  if (type === "bad_top_k" && topK > 1) {
    // A model of few classes, as it was not listed: the message says how many. Others that were
    // sent with the same number are refused as well.
    const given = Number(/from 1 to (\d+)/.exec(answer?.message)?.[1]);
    if (topK === topKOf(model)) most.set(model.name, given < topK ? given : topK - 1);
    return again();
  }
  const problem = new Problem(type, { status: request.status });
  if (request.status === 429 || request.status === 503) {
    problem.wait = retryAfter(request.getResponseHeader("Retry-After"));
  }
  throw problem;
}

function topKOf({ name, kinds }) {
  return Math.min(kinds, most.get(name) ?? MOST);
}

/** Whether a prediction would succeed now: of one model, or where it is null, of every one. */
export async function isReady(model) {
  const address = model ? `${READY}/${model.name}` : READY;
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(READY_LIMIT) });
    return response.ok || response.status === 404; // then its answer will say what is the matter
  } catch {
    return false;
  }
}

/** The answered request. Not by fetch(), which does not tell how much is sent. */
function post(address, picture, headers, signal, onProgress) {
  return new Promise((resolve, reject) => {
    const fail = (type) => () => reject(new Problem(type));
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.timeout = TIME_LIMIT;
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    const abort = () => request.abort();
    request.upload.onprogress = (event) => onProgress(event.loaded / event.total);
    request.onload = () => resolve(request);
    request.onerror = fail("network");
    request.ontimeout = fail("timeout");
    request.onabort = fail("cancelled");
    request.onloadend = () => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    request.send(picture);
  });
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
  if (status >= FIRST_OF_PROXIES) return "unavailable";
  return TYPE_OF_STATUS[status] ?? (answer === undefined ? "bad_answer" : "unexpected");
}

/** Seconds to wait; the header has seconds or a date (RFC 9110, 10.2.3). */
export function retryAfter(header) {
  const seconds = /^\d+$/.test(header ?? "")
    ? Number(header)
    : (Date.parse(header) - Date.now()) / 1000;
  if (!Number.isFinite(seconds)) return DEFAULT_WAIT;
  return Math.min(LONGEST_WAIT, Math.max(1, Math.ceil(seconds)));
}

/** Milliseconds in queue and model, from `queue;dur=3, batch;dur=1, preprocess;dur=1, inference;dur=8`. */
export function serverTiming(header) {
  const shares = {};
  for (const [, name, milliseconds] of (header ?? "").matchAll(/([\w-]+)\s*;\s*dur=([\d.]+)/g)) {
    shares[name] = Number(milliseconds);
  }
  const { queue, batch, preprocess, inference } = shares;
  return {
    queue: queue === undefined ? undefined : queue + (batch ?? 0),
    model: inference === undefined ? undefined : (preprocess ?? 0) + inference,
  };
}
