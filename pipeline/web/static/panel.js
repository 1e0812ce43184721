// The behaviour of the panel. Text from users is only inserted with textContent.
"use strict";

const FASTEST = 1000; // ms between two polls of an export, and
const SLOWEST = 3000; // while nothing changes, or the server does not answer
const LIST_EVERY = 5000; // ms between two polls of the list while an export in it is running
const RUNNING = ["queued", "planning", "rendering", "assembling"];
const MB = 1_000_000;

const by = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const running = (item) => RUNNING.includes(item.state);
const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

let watched = null; // { id } of the export in the middle card; a new object for each watch
let listed = null; // the ETag of the list on the page
let busy = true; // whether an export in the list is running, as of the last poll
let refreshing = 0; // the timer that polls the list

// requests

async function call(path, options = {}) {
  const headers = { Accept: "application/json", "X-Pipeline": "1", ...options.headers };
  const response = await fetch(path, { ...options, headers });
  if (response.status === 401) {
    location.assign("/sign-in");
    await new Promise(() => {}); // never: the browser leaves the page
  }
  return response;
}

async function errorOf(response) {
  try {
    return (await response.json()).error;
  } catch {
    return { message: `The server returned an error (${response.status}).`, advice: "Try again in a minute.", field: null };
  }
}

// words

function size(bytes) {
  if (bytes < MB) return `${Math.max(1, Math.round(bytes / 1000))} kB`;
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;
}

function left(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return `, about ${Math.max(1, seconds)} s left`;
  if (seconds < 5400) return `, about ${Math.round(seconds / 60)} min left`;
  return `, about ${Math.round(seconds / 3600)} h left`;
}

function age(then) {
  const seconds = Math.max(0, (Date.now() - Date.parse(then)) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${count(Math.floor(seconds / 86400), "day")} ago`;
}

function drawing({ pages_done, pages, seconds_left }) {
  return `Page ${pages_done.toLocaleString("en")} of ${pages.toLocaleString("en")}${left(seconds_left)}`;
}

function joining({ bytes_done, bytes_total }) {
  return `Joining ${Math.round(bytes_done / MB)} of ${size(bytes_total)}`;
}

function files({ volumes }) {
  return volumes.length ? ` in ${count(volumes.length, "volume")}` : "";
}

function words(item) {
  const { state, progress, result, failure } = item;
  if (state === "queued") return "Waiting for a worker";
  if (state === "planning") return "Planning";
  if (state === "rendering") return progress ? drawing(progress) : "Rendering pages";
  if (state === "assembling") return progress?.bytes_total ? joining(progress) : "Joining";
  if (state === "ready") return `Ready: ${count(result.pages, "page")}${files(result)}, ${size(result.bytes)}`;
  if (state === "failed") return `Failed: ${failure?.message ?? "unknown reason."}`;
  return state === "cancelled" ? "Cancelled" : "Expired: the file was removed. Request it again.";
}

function mailWords(mail) {
  if (!mail?.problem || mail.state === "sent") return "";
  return `${mail.state === "waiting" ? "The mail waits" : "The mail was given up"}: ${mail.problem}`;
}

function cost({ estimate, charged }) {
  if (charged) return `Cost: ${Math.round(charged.dyno_seconds)} worker seconds, $${charged.dollars.toFixed(4)}.`;
  const [cheapest, fastest] = [estimate[0], estimate[estimate.length - 1]];
  if (!cheapest) return "";
  return cheapest === fastest ? `Estimate: ${cheapest.words}` : `Estimate: ${cheapest.words}; or ${fastest.words}`;
}

// the export that is watched

function show(item) {
  const card = by("watched");
  const percent = item.progress.percent;
  if (card.dataset.state !== item.state) {
    card.dataset.state = item.state;
    by("said").textContent = words(item); // screen readers read it once per step, not every second
    list();
  }
  card.className = `card ${item.state}`;
  card.hidden = false;
  by("watched-name").textContent = item.name;
  by("words").textContent = words(item);
  by("cost").textContent = cost(item.cost);
  by("cost").hidden = !by("cost").textContent;
  by("bar").hidden = !running(item) && item.state !== "ready";
  by("bar").setAttribute("aria-valuenow", percent);
  by("bar").setAttribute("aria-valuetext", words(item));
  by("filled").style.width = `${percent}%`;
  by("advice").textContent = [item.failure?.advice, mailWords(item.mail)].filter(Boolean).join(" ");
  by("advice").hidden = !by("advice").textContent;
  by("cancel").hidden = !running(item);
  by("file").hidden = item.state !== "ready";
  by("file").href = `/v1/exports/${item.id}/download`;
  by("file").textContent = item.result?.volumes.length ? "Download the index" : "Download again";
  showVolumes(item.id, item.result?.volumes ?? []);
  showSkipped(item.result);
}

function showVolumes(id, volumes) {
  const line = ({ first_page, pages, bytes }, i) => {
    const about = ` pages ${first_page} to ${first_page + pages - 1}, ${size(bytes)}`;
    const made = element("li", about);
    made.prepend(element("a", `Volume ${i + 1}`, { href: `/v1/exports/${id}/download/${i + 1}` }));
    return made;
  };
  by("volumes").hidden = !volumes.length;
  by("volumes").replaceChildren(...volumes.map(line));
}

function showSkipped(result) {
  const [box, list] = [by("skipped"), by("skipped").querySelector("ul")];
  box.hidden = !result?.skipped_count;
  if (box.hidden) return;
  box.querySelector("summary").textContent = `${count(result.skipped_count, "record")} could not be read`;
  const line = ({ record, source, reason }) => element("li", `${record}. ${source}: ${reason}`);
  list.replaceChildren(...result.skipped.map(line));
}

async function watch(id, { started }) {
  const mine = (watched = { id });
  history.replaceState(null, "", `#${id}`);
  let etag = null;
  let item = null;
  let pause = FASTEST;
  while (watched === mine) {
    try {
      const response = await call(`/v1/exports/${id}`, { headers: etag ? { "If-None-Match": etag } : {} });
      if (watched !== mine) return;
      if (response.status === 304) {
        pause = Math.min(SLOWEST, pause * 1.25);
      } else if (response.ok) {
        [etag, item, pause] = [response.headers.get("ETag"), await response.json(), FASTEST];
      } else if (response.status < 500) {
        return leave(await errorOf(response));
      } else {
        throw new Error(response.status);
      }
      show(item);
      if (!running(item)) return finish(item, started);
      started = true;
    } catch {
      by("words").textContent = "The server does not answer; trying again";
      pause = SLOWEST;
    }
    await sleep(pause);
  }
}

function finish(item, started) {
  if (item.state === "ready" && started) location.assign(`/v1/exports/${item.id}/download`); // a download does not leave the page
}

function leave(error) {
  watched = null;
  history.replaceState(null, "", "/");
  by("watched").hidden = true;
  complain(error);
}

async function cancel(id) {
  try {
    const response = await call(`/v1/exports/${id}`, { method: "DELETE" });
    if (!response.ok) complain(await errorOf(response));
    else if (watched?.id === id) show(await response.json());
  } catch {
    complain({ message: "The server does not answer.", advice: "Try again." });
  }
  if (watched?.id !== id) list();
}

// asking

function chosen() {
  return document.querySelector(`template[data-document="${CSS.escape(by("document").value)}"]`);
}

function showForm() {
  const template = chosen();
  if (!template) return;
  const { description, record, title, titleLength } = template.dataset;
  const [fields, more] = template.content.cloneNode(true).children;
  const input = by("param-title");
  if (input.value === (input.dataset.suggested ?? "")) input.value = title; // what was typed stays
  input.dataset.suggested = title;
  if (titleLength) input.maxLength = Number(titleLength);
  else input.removeAttribute("maxlength");
  by("document-note").textContent = description;
  by("record").hidden = !record;
  by("record").querySelector("code").textContent = `{${record}}`;
  by("fields").replaceChildren(...fields.children);
  by("more").hidden = !more.children.length;
  by("more").querySelector(".fields").replaceChildren(...more.children);
}

// What an input holds, undefined when it is what the document takes anyway. Throws a complaint.
function value(input) {
  const { type, name } = input.dataset;
  if (type === "checkbox") return input.checked === input.defaultChecked ? undefined : input.checked;
  if (type === "select") {
    const option = input.selectedOptions[0];
    return option.defaultSelected ? undefined : JSON.parse(option.value);
  }
  const text = input.value.trim();
  if (text === input.defaultValue.trim()) return undefined;
  if (text === "") return type === "text" ? "" : undefined;
  if (type === "number") return Number(text);
  if (type !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    throw { message: `${name} is not JSON.`, advice: "Write a list as [1, 2], an object as {\"name\": 1}.", field: name };
  }
}

function order() {
  const data = new FormData(by("ask"));
  const params = { title: data.get("param-title").trim() };
  const listing = data.get("param-listing").trim();
  if (listing) params.listing = listing;
  for (const input of by("ask").querySelectorAll("[data-type]")) {
    const given = value(input);
    if (given !== undefined) params[input.dataset.name] = given;
  }
  const volume_pages = Number(data.get("volume_pages")) || null;
  return { document: data.get("document"), params, notify: data.get("notify").trim() || null, volume_pages };
}

function complain(error) {
  const box = by("problem");
  box.textContent = [error.message, error.advice].filter(Boolean).join(" ");
  box.hidden = false;
  const [field] = (error.field ?? "").split(/[.[]/); // "photos[2].source" is in the input of photos
  const input = field && (by("ask").elements[`param-${field}`] ?? by("ask").elements[field]);
  if (!input) return;
  if (by("more").contains(input)) by("more").open = true;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-errormessage", "problem");
  input.focus();
}

function forgive() {
  by("problem").hidden = true;
  for (const input of by("ask").elements) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}

async function ask(event) {
  event.preventDefault();
  const button = by("download");
  if (button.disabled) return;
  forgive();
  let body;
  try {
    body = JSON.stringify(order());
  } catch (problem) {
    return complain(problem);
  }
  button.disabled = true; // before the request: a second click must not make a second copy
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await call("/v1/exports", { method: "POST", body, headers });
    const answer = await response.json();
    if (answer.error) complain(answer.error);
    else begin(answer);
    if (answer.queued === false) complain({ message: "Redis is down.", advice: "The export begins when it is back." });
  } catch {
    complain({ message: "The server does not answer.", advice: "Try again. The same export is not made twice." });
  } finally {
    button.disabled = false;
  }
}

function begin(item) {
  by("watched").dataset.state = "";
  show(item);
  by("watched").scrollIntoView({ block: "nearest" });
  watch(item.id, { started: true });
}

// the list

function element(name, text, more = {}) {
  const made = Object.assign(document.createElement(name), more);
  made.textContent = text;
  return made;
}

function row(item) {
  const about = document.createElement("div");
  about.append(element("div", item.name, { className: "name" }));
  about.append(element("div", `${words(item)} · ${age(item.created_at)}`, { className: "quiet" }));
  const actions = element("div", "", { className: "actions" });
  if (item.state === "ready") {
    if (item.result.volumes.length) {
      const look = () => watch(item.id, { started: false });
      actions.append(element("button", "Show", { className: "plain", onclick: look }));
    } else {
      const link = element("a", "Download", { href: `/v1/exports/${item.id}/download`, className: "button plain" });
      actions.append(link);
    }
  } else if (running(item)) {
    const follow = () => watch(item.id, { started: true });
    actions.append(element("button", "Show", { className: "plain", onclick: follow }));
    actions.append(element("button", "Cancel", { className: "plain", onclick: () => cancel(item.id) }));
  }
  for (const action of actions.children) action.setAttribute("aria-label", `${action.textContent} ${item.name}`);
  const made = document.createElement("li");
  made.append(about, actions);
  return made;
}

function fill(exports) {
  const active = document.activeElement;
  const focused = by("recent").contains(active) ? active.getAttribute("aria-label") : null;
  by("recent").replaceChildren(...exports.map(row));
  by("none").hidden = exports.length > 0;
  if (focused) by("recent").querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

async function list() {
  try {
    const response = await call("/v1/exports", { headers: listed ? { "If-None-Match": listed } : {} });
    if (response.ok) {
      listed = response.headers.get("ETag");
      const { exports } = await response.json();
      fill(exports);
      busy = exports.some(running);
      scaler();
    }
  } catch {
    // offline: keep the list and poll again
  }
  clearTimeout(refreshing);
  if (busy) refreshing = setTimeout(list, LIST_EVERY);
}

// the workers

async function scaler() {
  try {
    const response = await call("/v1/scaler");
    const { scaler: seen, decisions } = await response.json();
    by("workers").hidden = !seen;
    if (!seen) return;
    const limit = seen.limit === null ? seen.maximum : Math.min(seen.limit, seen.maximum);
    const now = seen.quantity === null ? "An unknown number of workers" : count(seen.quantity, "worker");
    by("workers-words").textContent =
      `${now} of at most ${limit}; a new one starts in ${seen.boot_seconds} s`;
    by("workers-problem").textContent = seen.refused ?? "";
    by("workers-problem").hidden = !seen.refused;
    const line = ({ at, from, quantity, reason }) => element("li", `${age(at)}: ${from} to ${quantity}. ${reason}`);
    by("decisions").querySelector("ul").replaceChildren(...decisions.slice(0, 10).map(line));
    by("decisions").hidden = decisions.length === 0;
  } catch {
    // offline: keep what is shown
  }
}

// the schedules

async function schedules() {
  if (!by("schedules").open) return;
  try {
    const { schedules: found, timezone } = await (await call("/v1/schedules")).json();
    const moment = (at) => new Date(at).toLocaleString("en-GB", { timeZone: timezone });
    const line = ({ name, next, last, outcome, problem }) =>
      element("li", `${name}: next ${moment(next)}, last ${last ? `${moment(last)} (${outcome})` : "never"}. ${problem}`);
    by("schedules").querySelector("ul").replaceChildren(...found.map(line), element("li", `Times are in ${timezone}.`));
  } catch {
    // offline: keep what is shown
  }
}

by("schedules").addEventListener("toggle", schedules);
by("document").addEventListener("change", showForm);
showForm();
by("ask").addEventListener("submit", ask);
by("ask").addEventListener("input", forgive);
by("download").disabled = false; // before this, a click would submit the form without this script
by("cancel").addEventListener("click", () => cancel(watched.id));
list();
if (/^#[0-9a-z]{26}$/.test(location.hash)) watch(location.hash.slice(1), { started: false });
