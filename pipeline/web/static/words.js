// The panel's words, in the language of the page. An English text is its own key in the catalogue.

export const language = document.documentElement.lang;
const catalogue = language === "en" ? {} : await (await fetch(`/static/${language}.json`)).json();
const MB = 1_000_000;

export function t(text, values = {}) {
  return (catalogue[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const number = (value) => value.toLocaleString(language);
export const pages = (n) => t(n === 1 ? "{n} page" : "{n} pages", { n: number(n) });
export const photos = (n) => t(n === 1 ? "{n} photo" : "{n} photos", { n: number(n) });
export const waiting = (n) => t(n === 1 ? "{n} waiting chunk" : "{n} waiting chunks", { n: number(n) });
export const workers = (n) => t(n === 1 ? "{n} worker" : "{n} workers", { n: number(n) });

export function size(bytes) {
  if (bytes < MB) return `${Math.max(1, Math.round(bytes / 1000))} kB`;
  return `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;
}

export function duration(seconds) {
  if (seconds < 10) return t("{n} s", { n: Number(seconds.toFixed(1)).toLocaleString(language) });
  if (seconds < 90) return t("{n} s", { n: Math.round(seconds) });
  if (seconds < 5400) return t("{n} min", { n: Math.round(seconds / 60) });
  return t("{n} h", { n: Math.round(seconds / 3600) });
}

// The API's times: seconds since 1970, or RFC 3339.
export const seconds = (time) => (typeof time === "number" ? time : Date.parse(time) / 1000);
// A time with the month as a word: 1/12 is January to some, December to others.
export const clock = (time, timeZone) =>
  new Date(seconds(time) * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "medium", timeZone });

export function age(time) {
  const past = Math.max(0, Date.now() / 1000 - seconds(time));
  if (past < 60) return t("just now");
  if (past < 86400) return t("{time} ago", { time: duration(past) });
  const n = Math.floor(past / 86400);
  return t(n === 1 ? "{n} day ago" : "{n} days ago", { n });
}

export const STATES = {
  queued: t("Waiting for a worker"),
  planning: t("Planning"),
  rendering: t("Drawing"),
  assembling: t("Joining"),
  ready: t("Ready"),
  failed: t("Failed"),
  cancelled: t("Cancelled"),
  expired: t("Expired"),
};
export const running = (item) => ["queued", "planning", "rendering", "assembling"].includes(item.state);

function drawing({ pages_done: done, pages, seconds_left: left }) {
  const where = t("Page {done} of {pages}", { done: number(done), pages: number(pages) });
  return left == null ? where : t("{where}, about {time} left", { where, time: duration(left) });
}

// Where an export stands, in a sentence.
export function standing({ state, progress, result, failure }) {
  if (state === "rendering" && progress?.pages) return drawing(progress);
  if (state === "assembling" && progress?.bytes_total) {
    return t("Joining {done} of {all}", { done: size(progress.bytes_done), all: size(progress.bytes_total) });
  }
  if (state === "ready") {
    const volumes = result.volumes?.length;
    const what = volumes ? t("{pages} in {n} volumes", { pages: pages(result.pages), n: volumes }) : pages(result.pages);
    return t("Ready: {what}, {size}", { what, size: size(result.bytes) });
  }
  if (state === "failed") return t("Failed: {reason}", { reason: failure?.message ?? t("unknown reason.") });
  if (state === "expired") return t("Expired: the file was removed. Ask for it again.");
  return STATES[state];
}
