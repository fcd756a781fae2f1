// What people give to be checked: files, folders that are chosen, and folders that are dropped.

/** @typedef {import("./verify-archive.js").Folder} Folder */

/** Files that a folder's input has, as one. @param {FileList | null} files @returns {Folder[]} */
export function chosenFolder(files) {
  const all = [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath, file }));
  return all.length ? [{ name: all[0].path.split("/")[0], files: all }] : [];
}

/** What was dropped, in its order. Folders are read after the event is over, so it is asked for them at once. @param {DataTransfer | null} dropped @returns {Promise<(File | Folder)[]>} */
export function dropped(dropped) {
  const entries = [...(dropped?.items ?? [])].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  return Promise.all(entries.filter((entry) => entry !== null).map(taken));
}

/** @param {FileSystemEntry | File} entry @returns {Promise<File | Folder>} */
async function taken(entry) {
  if (entry instanceof File) return entry;
  if (entry.isFile) return fileOf(/** @type {FileSystemFileEntry} */ (entry));
  return { name: entry.name, files: await filesIn(/** @type {FileSystemDirectoryEntry} */ (entry), entry.name) };
}

/** @param {FileSystemFileEntry} entry @returns {Promise<File>} */
const fileOf = (entry) => new Promise((done, failed) => entry.file(done, failed));

/** @param {FileSystemDirectoryEntry} folder @param {string} above @returns {Promise<Folder["files"]>} */
async function filesIn(folder, above) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((done, failed) => reader.readEntries(done, failed)); // a hundred at once, then none
    if (!some.length) return found;
    for (const entry of some) {
      const path = `${above}/${entry.name}`;
      if (entry.isFile) found.push({ path, file: await fileOf(/** @type {FileSystemFileEntry} */ (entry)) });
      else found.push(...(await filesIn(/** @type {FileSystemDirectoryEntry} */ (entry), path)));
    }
  }
}
