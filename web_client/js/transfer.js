import { Problem } from "./problem.js";

/**
 * The files of a drop or a paste, { name, file }; folders with all that lies in them, by name, each
 * file under its path. Throws a Problem for a folder that can't be read or has nothing in it.
 *
 * Must be called while the event is being handled: after it the transfer is empty.
 */
export async function filesOf(transfer) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const things = items.map((item) => {
    const entry = item.webkitGetAsEntry?.();
    return entry?.isDirectory ? entry : item.getAsFile();
  });
  const found = [];
  for (const thing of things) {
    if (!thing?.isDirectory) found.push(...(thing ? [{ name: thing.name, file: thing }] : []));
    else found.push(...(await filesIn(thing)));
  }
  return found;
}

async function filesIn(folder) {
  let found;
  try {
    found = await walk(folder);
  } catch {
    throw new Problem("unreadable", { name: folder.name });
  }
  if (!found.length) throw new Problem("empty_folder", { name: folder.name });
  return found;
}

async function walk(folder) {
  const entries = (await entriesOf(folder))
    .filter(({ name }) => !name.startsWith(".")) // what systems leave in folders
    .sort((a, b) => ORDER.compare(a.name, b.name));
  const found = [];
  for (const entry of entries) {
    if (entry.isDirectory) found.push(...(await walk(entry)));
    else {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ name: entry.fullPath.slice(1), file });
    }
  }
  return found;
}

const ORDER = new Intl.Collator(undefined, { numeric: true });

/** A reader gives some at a time, and none at the end. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return entries;
    entries.push(...some);
  }
}
