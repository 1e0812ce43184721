// The files in a ZIP file, read in the browser: names from its directory, bytes of one file when they are asked for.
import { Problem } from "./page.js";
import { t } from "./words.js";

const END = 0x06054b50; // signatures of the ZIP format, APPNOTE.TXT 4.3
const ENTRY = 0x02014b50;
const HEAD = 0x04034b50;
const END_BYTES = 22;
const MAX_COMMENT = 65535;
const [STORED, DEFLATED] = [0, 8];
const ENCRYPTED = 1; // bit of the flags
const DECODERS = ["utf-8", "euc-kr", "windows-1252"]; // of names: Korean systems wrote their own code page

const view = async (blob, from, to) => new DataView(await blob.slice(from, to).arrayBuffer());
const broken = (file) => new Problem(t("{name} cannot be read as a ZIP file.", { name: file.name }), t("Unpack it, and choose the photos."));

// [{ name, size, open }] of the files in it. Throws a Problem, also when the browser cannot read the file any more.
export const entries = (file) => whole(file, () => directoryOf(file));

// What `read` returns. Places and lengths of a broken file lie outside of it, and raise.
async function whole(file, read) {
  try {
    return await read();
  } catch {
    throw broken(file);
  }
}

async function directoryOf(file) {
  const tail = await view(file, Math.max(0, file.size - END_BYTES - MAX_COMMENT), file.size);
  let at = tail.byteLength - END_BYTES;
  while (at >= 0 && tail.getUint32(at, true) !== END) at -= 1;
  if (at < 0) throw broken(file);
  const [count, bytes, from] = [tail.getUint16(at + 10, true), tail.getUint32(at + 12, true), tail.getUint32(at + 16, true)];
  if (count === 0xffff || from === 0xffffffff) throw broken(file); // above 4 GB or 65,535 files
  const directory = await view(file, from, from + bytes);
  const found = [];
  for (let place = 0; found.length < count; ) {
    if (place + 46 > directory.byteLength || directory.getUint32(place, true) !== ENTRY) throw broken(file);
    const [name, extra, comment] = [28, 30, 32].map((offset) => directory.getUint16(place + offset, true));
    found.push(entry(file, directory, place, name));
    place += 46 + name + extra + comment;
  }
  return found.filter((each) => !each.name.endsWith("/"));
}

function entry(file, directory, at, length) {
  const [flags, method] = [directory.getUint16(at + 8, true), directory.getUint16(at + 10, true)];
  const [packed, size, from] = [20, 24, 42].map((offset) => directory.getUint32(at + offset, true));
  const name = decoded(new Uint8Array(directory.buffer, at + 46, length));
  const open = () => whole(file, async () => {
    if (flags & ENCRYPTED || ![STORED, DEFLATED].includes(method)) throw broken(file);
    const head = await view(file, from, from + 30);
    if (head.getUint32(0, true) !== HEAD) throw broken(file);
    const begin = from + 30 + head.getUint16(26, true) + head.getUint16(28, true);
    const body = file.slice(begin, begin + packed);
    const blob = method === STORED ? body : await inflated(body, size, file);
    if (blob.size !== size) throw broken(file);
    return blob;
  });
  return { name, size, open };
}

function decoded(bytes) {
  for (const encoding of DECODERS) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes);
    } catch {
      // the next one
    }
  }
  return "";
}

// At most `size` bytes, whatever the compressed ones say.
async function inflated(body, size, file) {
  let seen = 0;
  const limit = new TransformStream({
    transform(chunk, out) {
      seen += chunk.byteLength;
      if (seen > size) throw broken(file);
      out.enqueue(chunk);
    },
  });
  const stream = body.stream().pipeThrough(new DecompressionStream("deflate-raw")).pipeThrough(limit);
  return new Response(stream).blob();
}
