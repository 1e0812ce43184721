// Workers now and in the last hour, the scaler's decisions, and what runs by the clock.
import { ask, by, complain, element, follow } from "./page.js";
import { drawHour } from "./pictures.js";
import { age, clock, duration, seconds, t, waiting, workers } from "./words.js";

const EVERY = 3000; // ms between two polls

function show({ scaler, decisions, history = [] }) {
  by("problem").hidden = !scaler?.refused;
  by("problem").textContent = scaler?.refused ?? "";
  by("now").textContent = scaler ? now(scaler) : t("No process looks after workers now.");
  by("more").textContent = scaler ? t("A new one takes {time} to start.", { time: duration(scaler.boot_seconds) }) : "";
  showHour(history);
  const line = ({ at, from, quantity, reason }) => element("li", `${age(at)}: ${t("{from} to {to}", { from, to: quantity })}. ${reason}`);
  by("decisions").replaceChildren(...decisions.slice(0, 20).map(line));
  by("none").hidden = decisions.length > 0;
}

function now({ quantity, limit, maximum }) {
  const most = limit === null ? maximum : Math.min(limit, maximum);
  if (quantity === null) return t("An unknown number of workers of at most {most}", { most });
  return t("{workers} of at most {most}", { workers: workers(quantity), most });
}

function showHour(history) {
  by("hour").hidden = history.length < 2;
  if (by("hour").hidden) return;
  const ago = (at) => Math.min(3600, Math.max(0, Date.now() / 1000 - seconds(at)));
  const points = (name) => history.filter((each) => each[name] !== null).map((each) => [ago(each.at), each[name]]);
  const [quantity, untaken] = [points("workers"), points("chunks")];
  drawHour(by("hour").querySelector("svg"), [{ name: "workers", points: quantity }, { name: "chunks", points: untaken }]);
  const most = (list) => Math.max(0, ...list.map(([, value]) => value));
  by("hour-words").textContent = t("At most {workers} and {chunks}, by minutes before now", {
    workers: workers(most(quantity)), chunks: waiting(most(untaken)),
  });
}

async function schedules() {
  const { schedules: found, timezone } = await ask("/v1/schedules");
  const moment = (at) => clock(at, timezone);
  const line = ({ name, next, last, outcome, problem }) => {
    const before = last ? `${moment(last)} (${outcome})` : t("never");
    return element("li", `${t("{name}: next {next}, last {last}.", { name, next: moment(next), last: before })} ${problem}`);
  };
  by("schedules").replaceChildren(...found.map(line), element("li", t("Times are in {zone}.", { zone: timezone })));
}

follow("/panel/scaler", { every: EVERY, show, lost: (problem) => complain(by("problem"), problem) });
schedules().catch((problem) => complain(by("problem"), problem));
