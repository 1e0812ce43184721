// What a person dropped or chose: photos, or a table; and which document is made of it.
import { Problem } from "./page.js";
import { Sending } from "./upload.js";
import { t } from "./words.js";
import { entries } from "./zip.js";

const TABLES = [".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet"];
const HEAD = 65536; // bytes of a listing that are looked at
const natural = new Intl.Collator(undefined, { numeric: true }).compare;
const ending = (name) => (/\.[^./]*$/.exec(name.toLowerCase()) ?? [""])[0];
// Written by systems, not by people: Windows, and the indexes of Synology and of ZIP files from a Mac
const SYSTEM = ["thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__macosx", "$recycle.bin", "system volume information"];
const hidden = (name) => name.split("/").some((step) => step.startsWith(".") || SYSTEM.includes(step.toLowerCase()));

// [{ name, size, open, file }]: files with their folders; folders are walked through.
export async function fromDrop(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  return roots.length ? (await Promise.all(roots.map(walk))).flat() : fromFiles(transfer.files);
}

export const fromFiles = (files) => [...files].map((file) => plain(file, file.webkitRelativePath || file.name));
const plain = (file, name) => ({ name, size: file.size, open: async () => file, file });

async function walk(entry) {
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    return [plain(file, entry.fullPath.slice(1))];
  }
  const [reader, found] = [entry.createReader(), []];
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // at most a hundred at a time
    if (!some.length) return (await Promise.all(found.map(walk))).flat();
    found.push(...some);
  }
}

// What the files are: { photos: [Sending], leftOut } or { table: Sending, fields, leftOut }. Throws a Problem.
export async function sorted(files, pictures) {
  const visible = files.filter((each) => !hidden(each.name));
  const unpacked = (await Promise.all(visible.map(unpack))).flat().filter((each) => !hidden(each.name));
  const photos = unpacked.filter((each) => pictures.includes(ending(each.name)) && each.size);
  const tables = unpacked.filter((each) => TABLES.includes(ending(each.name)) && each.size);
  if (photos.length) {
    photos.sort((one, other) => natural(one.name, other.name));
    return { photos: photos.map(sending), leftOut: names(unpacked, photos) };
  }
  if (tables.length > 1) throw new Problem(t("These are {n} tables.", { n: tables.length }), t("Choose one of them."));
  if (tables.length) return { table: sending(tables[0]), fields: await fieldsOf(tables[0]), leftOut: names(unpacked, tables) };
  const empty = unpacked.find((each) => !each.size && [...pictures, ...TABLES].includes(ending(each.name)));
  if (empty) throw new Problem(t("{name} is empty.", { name: empty.name }), t("Save it again, then choose it."));
  const advice = t("Choose photos, a ZIP file of photos, or a table as CSV, JSON lines or Parquet. Save a workbook as CSV.");
  throw new Problem(t("None of these files is a photo or a table."), advice);
}

const sending = (each) => new Sending(each.name, each.size, each.open);
const names = (all, used) => all.filter((each) => !used.includes(each)).map((each) => each.name);
const unpack = (each) => (ending(each.name) === ".zip" && each.file ? entries(each.file) : [each]);

// The names in the first record of JSON lines; null for other formats.
async function fieldsOf(table) {
  const text = await (await table.open()).slice(0, HEAD).text();
  try {
    return Object.keys(JSON.parse(text.split("\n", 1)[0]));
  } catch {
    return null;
  }
}

// The document that suits: the present one if it does, for a table "table" before others. `forms` are
// { document, record }, with the fields of a record.
export function suiting(found, forms, present) {
  const fields = found.photos ? ["source"] : found.fields;
  const exact = forms.filter(({ record }) => record.length && fields && fields.every((name) => record.includes(name)));
  const suits = exact.length ? exact : forms.filter(({ record }) => !record.length);
  const named = (name) => suits.find(({ document }) => document === name);
  return named(present) ?? named("table") ?? suits[0];
}

// The listing of photos that were sent: JSON lines, with the file's name as caption.
export function listing(photos) {
  const line = ({ name, key }) => JSON.stringify({ source: key, caption: name.replace(/^.*\//, "").replace(/\.[^.]*$/, "") });
  const bytes = new Blob([photos.map(line).join("\n")]);
  return new Sending("photos.jsonl", bytes.size, async () => bytes);
}
