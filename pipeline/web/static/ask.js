// The first page: files in, a document chosen, its options, and the request.
import { fromDrop, fromFiles, listing, sorted, suiting } from "./dropped.js";
import { forgive, inputAt, point, press, read, show } from "./form.js";
import { Problem, ask, by, complain, element, fillBar } from "./page.js";
import { outdate, preview } from "./preview.js";
import { sendAll } from "./upload.js";
import { number, photos, size, t } from "./words.js";

const PICTURES = by("drop").dataset.pictures.split(" ");
const MAX_LEFT_OUT = 20; // names that are shown, and told with the result
const templates = [...document.querySelectorAll("template[data-document]")];
const forms = templates.map(({ dataset }) => ({ document: dataset.document, record: dataset.record.split(" ").filter(Boolean) }));

let batch = null; // what was dropped, and how far it is: { found, files, stop, listing }

// files

async function take(files) {
  if (!files.length) return;
  forget();
  try {
    const found = await sorted(files, PICTURES);
    batch = { found, files: found.photos ? [...found.photos] : [found.table], stop: new AbortController(), listing: null };
    const suits = suiting(found, forms, by("document").value);
    if (suits) by("document").value = suits.document;
    if (found.table) suggestTitle(found.table.name);
    showForm();
    await transfer(batch);
  } catch (problem) {
    refuse(problem);
  }
}

async function transfer(mine) {
  const { found, files, stop } = mine;
  by("go-on").hidden = true;
  by("drop-problem").hidden = true;
  showSent();
  try {
    await sendAll(files, showSent, stop.signal);
    if (found.photos && files.length === found.photos.length) files.push(listing(found.photos));
    await sendAll(files, showSent, stop.signal);
    mine.listing = files[files.length - 1].key;
    showSent();
    by("said").textContent = by("sent-words").textContent;
  } catch (problem) {
    stop.abort(); // the files beside it
    mine.stop = new AbortController();
    if (mine === batch) refuse(problem);
  }
}

function refuse(problem) {
  if (!(problem instanceof Problem)) throw problem;
  complain(by("drop-problem"), problem);
  by("go-on").hidden = !batch;
  showSent();
}

function forget() {
  batch?.stop.abort();
  batch = null;
  by("files").value = "";
  by("drop-problem").hidden = true;
  showSent();
}

function suggestTitle(name) {
  const input = by("title");
  if (input.value === (input.dataset.suggested ?? "")) input.value = name.replace(/^.*\//, "").replace(/\.[^.]*$/, "");
}

function showSent() {
  by("sent").hidden = !batch;
  enableAsking();
  outdate();
  if (!batch) return;
  const { found, files, listing: ready } = batch;
  const [all, sent] = ["size", "sent"].map((what) => files.reduce((sum, file) => sum + file[what], 0));
  const done = files.filter((file) => file.done).length;
  const what = found.photos ? photos(found.photos.length) : found.table.name;
  const words = ready
    ? t("{what}, {size}", { what, size: size(all) })
    : t("Uploading {what}: {done} of {all}", { what, done: size(sent), all: size(all) });
  by("sent-words").textContent = words;
  fillBar(by("sent").querySelector(".bar"), Math.floor((100 * sent) / all), t("{done} of {all} files", { done, all: files.length }));
  by("sent").querySelector(".bar").classList.toggle("done", Boolean(ready));
  by("left-out").replaceChildren(...leftOut(found).map((line) => element("li", line)));
}

// Buttons are of no use before the script has come, nor before the files have arrived.
function enableAsking() {
  by("make").disabled = by("look").disabled = Boolean(batch && !batch.listing);
}

function leftOut({ leftOut: names }) {
  const lines = names.slice(0, MAX_LEFT_OUT).map((name) => t("{name} is left out: it is of another kind, or empty.", { name }));
  const more = names.length - lines.length;
  return more > 0 ? [...lines, t("So are {n} more.", { n: number(more) })] : lines;
}

// the request

function showForm() {
  const template = templates.find(({ dataset }) => dataset.document === by("document").value);
  if (template) show(template);
}

function order() {
  const params = read(by("ask"));
  if (batch?.listing) params.listing = batch.listing;
  if (!params.listing && !params.query) throw new Problem(t("There is nothing to make a PDF of."), t("Choose files first."), "files");
  const left = batch ? leftOut(batch.found) : [];
  if (left.length) params.left_out = left.map((line) => line.slice(0, 1000));
  const volume_pages = Number(by("volume_pages").value) || null;
  return { document: by("document").value, params, notify: by("notify").value.trim() || null, volume_pages };
}

async function submit(event) {
  event.preventDefault();
  if (by("make").disabled) return;
  await attempt(async () => {
    const made = await ask("/v1/exports", { method: "POST", body: order() });
    location.assign(`/export/${made.id}#download`);
    await new Promise(() => {}); // never: the browser leaves the page, and the button stays disabled
  });
}

async function look() {
  const words = by("look").textContent;
  by("look").textContent = by("said").textContent = t("Drawing the first page …");
  await attempt(() => preview(order()));
  by("look").textContent = words;
}

// Buttons are disabled before the request: a second click must not make a second copy.
async function attempt(action) {
  pardon();
  by("make").disabled = by("look").disabled = true;
  let problem = null;
  try {
    await action();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error;
  } finally {
    enableAsking();
  }
  if (!problem) return;
  complain(by("problem"), problem);
  const input = inputAt(by("ask"), problem.field) ?? by(problem.field ?? "");
  if (input) point(input, "problem");
}

function change(action) {
  action();
  outdate();
}

function pardon() {
  by("problem").hidden = true;
  forgive();
}

// events

by("files").addEventListener("change", () => take(fromFiles(by("files").files)));
by("remove").addEventListener("click", () => {
  forget();
  by("files").focus();
});
by("go-on").addEventListener("click", () => transfer(batch));
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault(); // otherwise the browser opens the file
    by("drop").classList.add("over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) by("drop").classList.remove("over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  by("drop").classList.remove("over");
  take(await fromDrop(event.dataTransfer));
});
window.addEventListener("beforeunload", (event) => {
  if (batch && !batch.listing) event.preventDefault(); // files are on their way
});
by("document").addEventListener("change", showForm);
by("ask").addEventListener("click", ({ target }) => target.closest(".add, .remove") && change(() => press(target.closest("button"))));
by("ask").addEventListener("submit", submit);
by("ask").addEventListener("input", () => change(pardon));
by("look").addEventListener("click", look);
if (location.hash) location.replace(`/export/${location.hash.slice(1)}`); // links of mails before each export had a page
showForm();
enableAsking();
