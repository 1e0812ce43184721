// The log of an export: what happened when, newest first.
import { by, element } from "./page.js";
import { STATES, clock, duration, number, pages, t } from "./words.js";

let last = null; // what was shown, as JSON

export function showLog({ log, owner, export: item }) {
  const now = JSON.stringify(log);
  if (now === last) return;
  last = now;
  const who = item.subject ? `${owner}: ${item.subject}` : owner;
  const list = by("log").querySelector("ol");
  list.replaceChildren(...log.entries.map((entry) => line(entry, who)));
  by("older").hidden = log.entries.length >= Math.min(log.all, log.most);
  by("older").dataset.most = log.most;
}

function line(entry, who) {
  const made = element("li", "", { className: BAD.has(entry.what) ? "bad" : "" });
  made.append(element("time", time(entry.at), { dateTime: new Date(entry.at * 1000).toISOString(), title: clock(entry.at) }));
  const about = element("div", words(entry, who));
  const by_whom = [entry.process, entry.seconds ? duration(entry.seconds) : ""].filter(Boolean).join(", ");
  if (by_whom) about.append(element("span", ` ${by_whom}`, { className: "quiet" }));
  made.append(about);
  return made;
}

const BAD = new Set(["failed", "retry", "missing"]);
const STEPS = { plan: t("Planning"), measure: t("Measuring"), render: t("Drawing"), assemble: t("Joining"), deliver: t("Closing"), wave: t("Sending chunks") };

// The time alone on the day itself, with the date before it.
function time(at) {
  const date = new Date(at * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today ? date.toLocaleTimeString(document.documentElement.lang) : clock(at);
}

const range = (first, last) =>
  first >= last ? t("page {n}", { n: number(first) }) : t("pages {first} to {last}", { first: number(first), last: number(last) });

function words({ what, text, step, first, pages: count }, who) {
  const place = first ? range(first, first + count - 1) : "";
  const named = place ? `${STEPS[step] ?? step}, ${place}` : (STEPS[step] ?? step);
  switch (what) {
    case "queued": return t("Asked for by {who}", { who });
    case "planned": return t("Planned: {pages}", { pages: pages(count) });
    case "drawn": return t("Drawn: {place}", { place });
    case "again": return t("{step}: put back, goes on later. {text}", { step: named, text });
    case "retry": return t("{step}: an attempt failed. {text}", { step: named, text });
    case "missing": return t("{step}: {text}", { step: named, text });
    case "failed": return t("Failed: {reason}", { reason: text });
    case "retried": return t("Retried");
    case "mail": return t("Mail: {text}", { text });
    case "webhook": return t("Webhook: {text}", { text });
    case "assembling": return t("All pages are drawn; joining begins");
    case "ready": return t("Ready: {what}", { what: pages(count) });
    default: return STATES[what] ?? what;
  }
}
