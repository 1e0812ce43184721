// Files straight to the bucket, by signed URLs: a PUT for each, parts for large ones. What was sent is not sent again.
import { Problem, ask, sleep } from "./page.js";
import { t } from "./words.js";

const AT_ONCE = 4;
const TRIES = 4; // of a request to the bucket; between them 1 s, then twice as long each time

// A file to send: `open` returns its bytes as a Blob. `sent` counts them.
export class Sending {
  constructor(name, size, open) {
    Object.assign(this, { name, size, open, id: null, key: null, sent: 0, done: false });
  }
}

// Send what is not done yet; all files become neighbours of the first. Throws a Problem, and may be called again.
export async function sendAll(files, changed, signal) {
  const [first, ...others] = files.filter((file) => !file.done);
  if (!first) return;
  await send(first, files[0].id, changed, signal);
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let file = others.shift(); file; file = others.shift()) await send(file, files[0].id, changed, signal);
    }),
  );
}

async function begin(file, beside, signal) {
  const made = await ask("/v1/inputs", { method: "POST", body: { name: file.name, bytes: file.size, beside }, signal });
  Object.assign(file, { id: made.id, key: made.key });
  return made;
}

async function send(file, beside, changed, signal) {
  const bytes = await file.open();
  const there = file.id ? await ask(`/v1/inputs/${file.id}`, { signal }) : await begin(file, beside, signal); // what arrived before a break
  if (there.state !== "complete") {
    if (there.url) await put(() => there.url, bytes, file, progress(file, 0, changed), signal);
    else await sendParts(bytes, there, file, changed, signal);
  }
  file.sent = file.size;
  file.done = true;
  changed();
}

const progress = (file, before, changed) => (loaded) => {
  file.sent = before + loaded;
  changed();
};

async function sendParts(bytes, { part_bytes: most, parts }, file, changed, signal) {
  const arrived = new Set(parts.map((part) => part.number));
  for (let number = 1, from = 0; from < bytes.size; number += 1, from += most) {
    const part = bytes.slice(from, from + most);
    const url = async () => {
      const body = { parts: [{ number, bytes: part.size }] };
      return (await ask(`/v1/inputs/${file.id}/parts`, { method: "POST", body, signal })).parts[0].url;
    };
    if (!arrived.has(number)) await put(url, part, file, progress(file, from, changed), signal);
  }
  await ask(`/v1/inputs/${file.id}/complete`, { method: "POST", signal });
}

async function put(url, bytes, file, loaded, signal) {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    if (await putOnce(await url(), bytes, loaded, signal)) return;
    if (attempt === TRIES) break;
    await sleep(500 * 2 ** attempt);
  }
  throw new Problem(
    t("The bucket did not take {name}.", { name: file.name }),
    t("Is the connection back? Go on. If it never works, the bucket's CORS rule does not allow uploads from this page."),
  );
}

// XMLHttpRequest, as fetch has no progress. A slice has no type: the header would have to be allowed by the bucket.
function putOnce(url, bytes, loaded, signal) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => loaded(event.loaded);
    request.onload = () => resolve(request.status >= 200 && request.status < 300);
    request.onerror = request.onabort = () => resolve(false);
    const abort = () => request.abort();
    signal.addEventListener("abort", abort);
    request.onloadend = () => signal.removeEventListener("abort", abort); // it would keep each request, and its bytes
    request.open("PUT", url);
    request.send(bytes.slice(0, bytes.size));
  });
}
