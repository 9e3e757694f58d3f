import { Problem } from "./problem.js";

/**
 * What was dropped or pasted, as the queue takes it: { name, load }, of folders all that lies in
 * them, by name, each file under its path. What can't be read is in it too; its load() says why.
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
    if (thing?.isDirectory) found.push(...(await filesIn(thing, thing.name)));
    else if (thing) found.push({ name: thing.name, load: () => thing });
  }
  return found;
}

async function filesIn(folder, path) {
  let entries;
  try {
    entries = await entriesOf(folder);
  } catch {
    return [{ name: path, load: failing("unreadable", path) }];
  }
  const found = [];
  for (const entry of entries.sort((a, b) => ORDER.compare(a.name, b.name))) {
    if (entry.name.startsWith(".")) continue; // what systems leave in folders
    const name = `${path}/${entry.name}`;
    if (entry.isDirectory) found.push(...(await filesIn(entry, name)));
    else found.push({ name, load: () => fileOf(entry).catch(failing("unreadable", name)) });
  }
  return found.length ? found : [{ name: path, load: failing("empty_folder", path) }];
}

function failing(type, name) {
  return () => {
    throw new Problem(type, { name });
  };
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
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
