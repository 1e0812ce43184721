// All exports: filtered, a page at a time, live.
import { by, complain, element, follow } from "./page.js";
import { STATES, age, clock, standing, t } from "./words.js";

const EVERY = 2000; // ms between two polls of the page that is shown
const SETTLE = 300; // ms after a key was pressed in a filter

let after = null; // the id behind which the page begins; null for the newest
let shown = {}; // a new object for each list that is followed

const filters = () => [...new FormData(by("filters"))].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value);

function row({ export: item, owner, pages, percent }) {
  const made = element("li", "", { className: item.state });
  const about = element("div");
  about.append(element("a", item.name, { href: `/export/${item.id}`, className: "name" }));
  const by = item.subject ? `${owner}: ${item.subject}` : owner;
  const words = item.state === "rendering" && pages ? t("{state}: {percent} %", { state: STATES.rendering, percent }) : standing(item);
  about.append(element("div", [item.document, by, age(item.created_at)].join(" · "), { className: "quiet", title: clock(item.created_at) }));
  made.append(about, element("div", words, { className: "words" }));
  return made;
}

function show({ exports, next }) {
  const focused = by("exports").contains(document.activeElement) ? document.activeElement.pathname : null;
  by("problem").hidden = true;
  by("exports").replaceChildren(...exports.map(row));
  by("none").hidden = exports.length > 0;
  by("none").textContent = next ? t("None of the last 200 fits; look among older ones.") : t("There are none.");
  by("older").hidden = !next;
  by("older").dataset.after = next ?? "";
  by("newest").hidden = !after;
  if (focused) by("exports").querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

function list(from = null) {
  const mine = (shown = {});
  after = from;
  const asked = filters();
  const query = new URLSearchParams(after ? [...asked, ["after", after]] : asked);
  history.replaceState(null, "", asked.length ? `?${new URLSearchParams(asked)}` : location.pathname);
  const lost = (problem) => complain(by("problem"), problem);
  follow(`/panel/exports?${query}`, { every: EVERY, show, lost, stopped: () => shown !== mine });
}

for (const option of document.querySelectorAll("[data-state]")) option.textContent = STATES[option.dataset.state];
for (const [name, value] of new URLSearchParams(location.search)) {
  const input = by("filters").elements[name];
  if (input) input.value = value;
}
let typing = 0;
by("filters").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(list, SETTLE);
});
by("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  list();
});
by("older").addEventListener("click", () => list(by("older").dataset.after));
by("newest").addEventListener("click", () => list());
list();
