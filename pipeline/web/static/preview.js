// The first page as a picture. It is drawn on a canvas: the policy of the page allows no picture from elsewhere.
import { ask, by, element } from "./page.js";
import { number, pages, t } from "./words.js";

let asked = {}; // a new object for each preview: the answer to an earlier one is not shown

export async function preview(order) {
  const mine = (asked = {});
  by("preview").setAttribute("aria-busy", "true");
  try {
    const { document: kind, params } = order;
    const page = await ask("/v1/previews", { method: "POST", body: { document: kind, params } });
    if (mine === asked) await show(page);
  } finally {
    if (mine === asked) by("preview").removeAttribute("aria-busy");
  }
}

// The form changed: what is shown is not what it says any more.
export function outdate() {
  asked = {};
  by("preview").removeAttribute("aria-busy");
  by("preview").classList.add("outdated");
}

async function show({ image, width, height, text, pages: count, whole, warnings, skipped }) {
  const bytes = Uint8Array.from(atob(image), (c) => c.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes]));
  const canvas = by("preview-page");
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").drawImage(picture, 0, 0);
  by("preview-text").textContent = text;
  by("preview-words").textContent = size(count, whole);
  const lines = [...warnings, ...skipped.map((each) => t("Record {n}, {source}: {reason}", { ...each, n: number(each.record) }))];
  by("preview-warnings").replaceChildren(...lines.map((line) => element("li", line)));
  by("preview-warnings").hidden = !lines.length;
  by("preview").classList.remove("outdated");
  by("preview").hidden = false;
  by("preview-head").focus();
}

function size(count, whole) {
  if (count === null) return t("The number of pages is not known yet.");
  return whole ? t("The whole has {pages}.", { pages: pages(count) }) : t("The whole has about {pages}.", { pages: pages(rounded(count)) });
}

// About two digits, as it is an estimate.
function rounded(count) {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(count)) - 1);
  return Math.round(count / step) * step;
}
