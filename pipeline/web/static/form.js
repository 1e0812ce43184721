// The inputs of a document's parameters: shown, read as JSON, and pointed at when they are wrong.
import { Problem, by } from "./page.js";
import { t } from "./words.js";

const inputOf = (box) => box.querySelector("input, select, textarea");
const recordsOf = (box) => [...box.querySelector(".records").children];
const boxesOf = (scope) =>
  [...scope.querySelectorAll("[data-name]")].filter((box) => box.parentElement.closest("[data-scope]") === scope);
const complete = (value) => (Object.keys(value).length ? value : undefined);

let made = 0; // records so far, so that each has ids of its own

export function show(template) {
  const { description, title, titleLength } = template.dataset;
  const [fields, more] = template.content.cloneNode(true).children;
  const input = by("title");
  if (input.value === (input.dataset.suggested ?? "")) input.value = title; // what was typed stays
  input.dataset.suggested = title;
  if (titleLength) input.maxLength = Number(titleLength);
  else input.removeAttribute("maxlength");
  by("document-note").textContent = description;
  by("fields").replaceChildren(...fields.children);
  by("more").querySelector(".fields").replaceChildren(...more.children);
}

// Buttons that add a record to a list, or remove one.
export function press(button) {
  if (button.matches(".add")) addRecord(button.closest("[data-name]"));
  else if (button.matches(".remove")) removeRecord(button.closest(".record"));
}

function addRecord(box) {
  const record = box.querySelector("template").content.cloneNode(true).firstElementChild;
  made += 1;
  for (const each of record.querySelectorAll("[id], [for], [aria-describedby]")) {
    for (const name of ["id", "for", "aria-describedby"]) {
      if (each.hasAttribute(name)) each.setAttribute(name, each.getAttribute(name).replace("-N-", `-${made}-`));
    }
  }
  box.querySelector(".records").append(record);
  count(box);
  inputOf(record).focus();
}

function removeRecord(record) {
  const box = record.closest("[data-name]");
  record.remove();
  count(box);
  box.querySelector(".add").focus();
}

function count(box) {
  recordsOf(box).forEach((record, i) => (record.querySelector(".number").textContent = i + 1));
}

// What the inputs hold, without what the document takes anyway. Throws a Problem.
export function read(scope) {
  const found = {};
  for (const box of boxesOf(scope)) {
    const value = valueOf(box);
    if (value !== undefined) found[box.dataset.name] = value;
  }
  return found;
}

function valueOf(box) {
  const { type } = box.dataset;
  if (type === "record") return complete(read(box.querySelector("[data-scope]")));
  if (type === "records") {
    const records = recordsOf(box).map(read);
    return records.length ? records : undefined;
  }
  const input = inputOf(box);
  if (type === "checkbox") return input.checked === input.defaultChecked ? undefined : input.checked;
  if (type === "select") {
    const [option] = input.selectedOptions;
    return option.defaultSelected ? undefined : JSON.parse(option.value);
  }
  return typed(box, type, input.value.trim(), input.defaultValue.trim());
}

function typed(box, type, text, usual) {
  if (type === "title") return text;
  if (text === usual) return undefined;
  if (type === "lines") return text.split("\n").map((line) => line.trim());
  if (text === "") return type === "text" ? "" : undefined;
  if (type === "number") return Number(text);
  if (type !== "json") return text;
  try {
    return JSON.parse(text);
  } catch {
    const advice = t("Write a list as [1, 2], an object as {example}.", { example: '{"name": 1}' });
    throw new Problem(t("{label} is not JSON.", { label: box.dataset.label }), advice, box.dataset.name);
  }
}

// The input of a field such as "columns[2].width", or the nearest one around it.
export function inputAt(scope, path) {
  let found = null;
  for (const step of (path ?? "").split(/[.[\]]+/).filter(Boolean)) {
    const box = /^\d+$/.test(step) ? recordsOf(found)[Number(step)] : boxesOf(scope).find((each) => each.dataset.name === step);
    if (!box) break;
    [found, scope] = [box, box.matches("[data-scope]") ? box : box.querySelector("[data-scope]") ?? box];
    if (found.dataset.type === "records") scope = found;
  }
  return found && (inputOf(found) ?? found.querySelector("button"));
}

export function point(input, problem) {
  input.closest("details")?.setAttribute("open", "");
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-errormessage", problem);
  input.focus();
}

export function forgive() {
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}
