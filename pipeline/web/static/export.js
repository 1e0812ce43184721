// One export: where it stands, what may be done about it, how it is made, what was asked for.
import { ask, by, complain, element, fillBar, follow } from "./page.js";
import { drawMap, drawTimeline } from "./pictures.js";
import { showLog } from "./log.js";
import { clock, duration, number, pages, running, size, standing, t } from "./words.js";

const EVERY = 1500; // ms between two polls while something may change
const LOGGED = 15;
const { id } = by("export").dataset;
const path = `/panel/exports/${id}`;

let state = null; // as of the last poll
let download = location.hash === "#download"; // start it when the file is there
let last = null; // the work that was shown, as JSON

// where it stands

function show(answer) {
  const item = answer.export;
  const words = standing(item);
  by("problem").hidden = true;
  if (state !== item.state) {
    state = item.state;
    by("said").textContent = words; // screen readers say it once per step, not every second
  }
  by("standing").className = `card ${item.state}`;
  by("words").textContent = words;
  by("bar").hidden = !running(item) && item.state !== "ready";
  fillBar(by("bar"), item.progress.percent, words);
  showText("cost", cost(item.cost));
  showText("advice", [item.failure?.advice, mail(item.mail)].filter(Boolean).join(" "));
  showActions(item, answer);
  showVolumes(item.result?.volumes ?? []);
  showWarnings(item.result);
  showWork(answer);
  showLog(answer);
  showAsked(answer);
  if (item.state === "ready" && download) {
    download = false;
    history.replaceState(null, "", location.pathname);
    location.assign(`${path}/download`); // a download does not leave the page
  }
}

function showText(name, text) {
  by(name).textContent = text;
  by(name).hidden = !text;
}

function cost({ estimate, charged }) {
  if (charged) {
    return t("Cost: {n} worker seconds, ${dollars}.", { n: Math.round(charged.dyno_seconds), dollars: charged.dollars.toFixed(4) });
  }
  const [cheapest, fastest] = [estimate[0], estimate[estimate.length - 1]];
  if (!cheapest) return "";
  if (cheapest.words === fastest.words) return t("Estimate: {cheapest}", { cheapest: cheapest.words });
  return t("Estimate: {cheapest}; or {fastest}", { cheapest: cheapest.words, fastest: fastest.words });
}

function mail(told) {
  if (!told?.problem || told.state === "sent") return "";
  const text = told.state === "waiting" ? "The mail waits: {problem}" : "The mail was given up: {problem}";
  return t(text, { problem: told.problem });
}

function showActions(item, { known, may_change: may }) {
  const over = !running(item);
  by("file").hidden = item.state !== "ready";
  by("file").href = `${path}/download`;
  by("file").textContent = item.result?.volumes.length ? t("Download the index") : t("Download");
  by("retry").hidden = !may || item.state !== "failed";
  by("again").hidden = !may || !over || !known;
  by("cancel").hidden = !may || over;
  by("delete").hidden = !may || !over;
}

function showVolumes(volumes) {
  const line = ({ first_page: first, pages, bytes }, i) => {
    const made = element("li", ` ${t("pages {first} to {last}", { first, last: first + pages - 1 })}, ${size(bytes)}`);
    made.prepend(element("a", t("Volume {n}", { n: i + 1 }), { href: `${path}/download/${i + 1}` }));
    return made;
  };
  by("volumes").hidden = !volumes.length;
  if (by("volumes").children.length !== volumes.length) by("volumes").replaceChildren(...volumes.map(line));
}

function showWarnings(result) {
  const left = result?.skipped_count ?? 0;
  const lines = [
    ...(result?.warnings ?? []),
    ...(result?.skipped ?? []).map(({ record, source, reason }) => t("Record {n}, {source}: {reason}", { n: record, source, reason })),
  ];
  const more = left - (result?.skipped.length ?? 0);
  if (more > 0) lines.push(t("{n} more records could not be read.", { n: number(more) }));
  const { starts, began_at: began } = result?.query ?? {};
  if (starts > 1) lines.push(t("The query was interrupted and begun {n} times. These are its rows of {time}.", { n: number(starts), time: clock(began) }));
  by("warnings").hidden = !lines.length;
  by("warnings").querySelector("ul").replaceChildren(...lines.map((line) => element("li", line)));
}

// how it is made

const stateOf = ({ done, pages, process }) => (process ? "at-work" : done >= pages ? "drawn" : done ? "part" : "waits");

function showWork({ work, export: item }) {
  by("work").hidden = !work;
  const now = JSON.stringify(work);
  if (!work || now === last) return;
  last = now;
  const cells = work.cells.map((cell) => ({ ...cell, state: stateOf(cell), words: cellWords(cell) }));
  const count = (name) => number(cells.filter((cell) => cell.state === name).reduce((sum, cell) => sum + cell.chunks, 0));
  const all = number(cells.reduce((sum, cell) => sum + cell.chunks, 0));
  const [done, busy] = [count("drawn"), count("at-work")];
  by("work-words").textContent = t("{pages} in {all} chunks: {done} done, {busy} being drawn.", { pages: pages(item.progress.pages), all, done, busy });
  drawMap(by("map"), cells);
  showTimeline(work.processes);
  by("table").querySelector("tbody").replaceChildren(...cells.map(tableRow));
}

const range = ({ first_page: first, pages }) => (pages === 1 ? number(first) : `${number(first)}–${number(first + pages - 1)}`);
const WORDS = { waits: t("waits"), "at-work": t("is drawn"), drawn: t("is done"), part: t("goes on later") };

function cellWords(cell) {
  const took = cell.seconds ? `, ${duration(cell.seconds)}` : "";
  return `${t("pages")} ${range(cell)}: ${cell.process || WORDS[stateOf(cell)]}${took}`;
}

function tableRow(cell) {
  const row = element("tr");
  const values = [range(cell), cell.process || WORDS[cell.state], cell.seconds ? number(cell.seconds) : "", cell.tries || ""];
  row.append(...values.map((value) => element("td", String(value))));
  return row;
}

function showTimeline(processes) {
  by("timeline").hidden = !processes.length;
  if (!processes.length) return;
  const spans = processes.flatMap((process) => process.spans);
  const [from, to] = [Math.min(...spans.map(([start]) => start)), Math.max(...spans.map(([, stop]) => stop))];
  const worked = spans.reduce((sum, [start, stop]) => sum + stop - start, 0);
  const text = processes.length === 1 ? "{n} process drew for {worked} within {all}" : "{n} processes drew for {worked} within {all}";
  by("timeline-words").textContent = t(text, { n: processes.length, worked: duration(worked), all: duration(to - from) });
  drawTimeline(by("timeline").querySelector("svg"), processes, from, to);
}

// what was asked for

function showAsked({ export: item, owner, records, params }) {
  const by_whom = item.subject ? `${owner}: ${item.subject}` : owner;
  const lines = [
    [t("Document"), item.document],
    [t("Asked by"), by_whom],
    [t("Asked for"), clock(item.created_at)],
    ...(item.finished_at ? [[t("Finished"), clock(item.finished_at)]] : []),
    ...(records ? [[t("Records"), number(records)]] : []),
    ...(item.notify.length ? [[t("Mail to"), item.notify.map(({ to }) => to).join(", ")]] : []),
    ...params.map(([label, value]) => [t(label), value]),
    [t("Id"), item.id],
  ];
  if (by("asked").children.length === lines.length) return;
  by("asked").replaceChildren(
    ...lines.map(([name, value]) => {
      const line = element("div");
      line.append(element("dt", name), element("dd", value));
      return line;
    }),
  );
}

// what may be done about it

const act = (name, action) =>
  by(name).addEventListener("click", async () => {
    by(name).disabled = true;
    try {
      await action();
    } catch (problem) {
      complain(by("problem"), problem);
    }
    by(name).disabled = false;
  });

act("cancel", async () => {
  await ask(path, { method: "DELETE" });
  by("words").focus();
});
act("retry", async () => {
  download = true;
  await ask(`${path}/retry`, { method: "POST" });
  watch();
});
act("again", async () => {
  const made = await ask(`${path}/again`, { method: "POST" });
  location.assign(`/export/${made.id}#download`);
  if (made.id === id) location.reload();
});
by("delete").addEventListener("click", () => by("sure").showModal());
by("sure").addEventListener("close", async () => {
  if (by("sure").returnValue !== "delete") return;
  try {
    await ask(path, { method: "DELETE" });
    location.assign("/all");
  } catch (problem) {
    complain(by("problem"), problem);
  }
});

let logged = LOGGED; // entries that are asked for
by("older").addEventListener("click", () => {
  logged = Math.min(by("older").dataset.most, logged * 4);
  watch();
});

let mine = {};
function watch() {
  const now = (mine = {});
  const lost = (problem) => complain(by("problem"), problem);
  // What is over may still change: its cost, its mail, another tab retries it.
  follow(`${path}?log=${logged}`, { every: EVERY, show, lost, stopped: () => mine !== now });
}
watch();
