// What every page of the panel needs: requests, elements, complaints. Texts are only inserted with textContent.
import { t } from "./words.js";

export const by = (id) => document.getElementById(id);
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const JSON_TYPE = { "Content-Type": "application/json" };

// An error for a person: what happened, what to do, and the field that it is about.
export class Problem extends Error {
  constructor(message, advice = "", field = null) {
    super(message);
    Object.assign(this, { advice, field });
  }
}

export const away = () => new Problem(t("The server does not answer."), t("Try again in a minute."));

export async function call(path, { body, headers, ...options } = {}) {
  const response = await fetch(path, {
    ...options,
    body: body === undefined ? undefined : JSON.stringify(body),
    headers: { Accept: "application/json", "X-Pipeline": "1", ...(body === undefined ? {} : JSON_TYPE), ...headers },
  });
  if (response.status === 401) {
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
    await new Promise(() => {}); // never: the browser leaves the page
  }
  return response;
}

async function problemOf(response) {
  try {
    const { error } = await response.json();
    return new Problem(error.message, error.advice ?? "", error.field);
  } catch {
    return new Problem(t("The server returned an error ({status}).", { status: response.status }), t("Try again in a minute."));
  }
}

// The answer as JSON, null if it has no body. Throws a Problem.
export async function ask(path, options = {}) {
  let response;
  try {
    response = await call(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw away();
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
}

// Calls `show` with each new answer, and `lost` with each problem. Waits while the page is hidden.
export async function follow(path, { every, show, lost, stopped = () => false }) {
  let [etag, last, failed] = [null, null, false];
  for (; !stopped(); await sleep(every)) {
    if (document.hidden) continue;
    const { status, answer, tag, problem } = await poll(path, etag);
    if (stopped()) return;
    if (problem) lost(problem);
    else if (answer || failed) show((last = answer ?? last)); // it also takes a problem away
    [failed, etag] = [Boolean(problem), tag ?? etag];
    if (problem && status >= 400 && status < 500) return;
  }
}

async function poll(path, etag) {
  try {
    const response = await call(path, { headers: etag ? { "If-None-Match": etag } : {} });
    const { status } = response;
    if (status === 304) return { status };
    if (!response.ok) return { status, problem: await problemOf(response) };
    return { status, answer: await response.json(), tag: response.headers.get("ETag") };
  } catch {
    return { problem: away() };
  }
}

export function element(name, text = "", more = {}) {
  const made = Object.assign(document.createElement(name), more);
  if (text) made.textContent = text;
  return made;
}

export function complain(box, { message, advice }) {
  box.textContent = [message, advice].filter(Boolean).join(" ");
  box.hidden = false;
}

export function fillBar(bar, percent, words) {
  bar.setAttribute("aria-valuenow", percent);
  bar.setAttribute("aria-valuetext", words);
  bar.firstElementChild.style.width = `${percent}%`;
}
