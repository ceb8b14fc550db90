// SPDX-License-Identifier: Apache-2.0
// Uploads: many at once, each with progress, speed, cancel and retry.
//
// A small file is sent with its MD5, so that the server refuses it if a byte is wrong.
// A large one is sent in a put transaction. While a segment goes out its CRC32C is made here
// (crc32c.js), from the file and not from what is sent, and compared with the one of the
// server's answer, which is of what it stored. If they differ the segment is taken back and
// sent again. When the connection is lost the server is asked how far it got, and the rest is
// sent from there, in smaller segments. If it has a segment whose answer was lost, the MD5 of
// the whole file is compared instead. Only when by one or the other every byte is known to
// have come, the commit makes the file visible.

import { t } from "./words.js";
import { ask, confirmed, dialog, explain, Fault, filesUrl, h, nodesUrl, size, task } from "./app.js";
import { createNode } from "./vospace.js";
import { wrongName } from "./actions.js";

const SMALL = 8 << 20, WHOLE = 2 ** 31, SEGMENT_AFTER_LOSS = 64 << 20;
const AT_ONCE = 3, TRIES = 5, NAMES_TRIED = 99, PAUSE_MS = 1000, SPEED_MS = 500;

// What was dropped: files with their paths, and folders (also empty ones).
export async function dropped(transfer) {
  const files = [], folders = [];
  const read = (reader) => new Promise((yes, no) => reader.readEntries(yes, no));
  async function walk(entry, path) {
    if (entry.isFile) {
      const file = await new Promise((yes, no) => entry.file(yes, no));
      files.push({ file, path: [...path, entry.name] });
      return;
    }
    folders.push([...path, entry.name]);
    const reader = entry.createReader();
    for (let some = await read(reader); some.length > 0; some = await read(reader))
      for (const one of some) await walk(one, [...path, entry.name]);
  }
  const entries = [...transfer.items].map((i) => i.webkitGetAsEntry?.()).filter(Boolean);
  for (const entry of entries) await walk(entry, []);
  return { files, folders };
}

const exists = (path) => ask("GET", `${nodesUrl(path)}?limit=0&detail=min`).then(() => true, (fault) => {
  if (fault.status === 404) return false;
  throw fault;
});

// Asked once for all of them: what with files that are there already?
function askConflicts(paths) {
  return dialog(t("conflicts", { n: paths.length }), (close) => [
    h("ul", {}, paths.slice(0, 10).map((p) => h("li", {}, p.join("/")))), paths.length > 10 && h("p", {}, t("and.more", { n: paths.length - 10 })),
    h("div", { class: "ends" },
      h("button", { onclick: () => close() }, t("cancel")),
      h("button", { onclick: () => close("skip") }, t("skip.them")),
      h("button", { onclick: () => close("rename") }, t("rename.them")),
      h("button", { class: "main", onclick: () => close("replace") }, t("replace.them")))]);
}

function numbered(path, n) {
  const name = path.at(-1), dot = name.lastIndexOf("."), cut = dot > 0 ? dot : name.length;
  return [...path.slice(0, -1), `${name.slice(0, cut)} (${n})${name.slice(cut)}`];
}

async function freeName(path) {
  for (let n = 2; ; n++)
    if (!await exists(numbered(path, n))) return numbered(path, n);
}

export async function uploadFiles(base, list, refresh, folders = []) {
  const wanted = list.map((one) => (one instanceof File
    ? { file: one, path: one.webkitRelativePath ? one.webkitRelativePath.split("/") : [one.name] } : one));
  const wrong = wanted.find((w) => w.path.some((name) => wrongName(name)));
  if (wrong) {
    await confirmed(t("failed"), `${wrong.path.join("/")}: ${t("name.wrong")}`, t("close"));
    return;
  }
  const tops = new Map(folders.map((f) => [f.join("/"), f]));
  for (const { path } of wanted)
    for (let n = 1; n < path.length; n++) tops.set(path.slice(0, n).join("/"), path.slice(0, n));
  const fresh = new Set(); // what was not there: nothing can be in its way
  try {
    for (const [key, folder] of [...tops].sort(([a], [b]) => (a < b ? -1 : 1)))
      await createNode([...base, ...folder], "ContainerNode").then(() => fresh.add(key), (fault) => {
        if (fault.word !== "DuplicateNode") throw fault;
      });
    const clashes = [];
    for (const one of wanted)
      if (!fresh.has(one.path.slice(0, -1).join("/")) && await exists([...base, ...one.path])) clashes.push(one);
    if (clashes.length > 0) {
      const choice = await askConflicts(clashes.map((c) => c.path));
      if (choice === null) return;
      for (const one of clashes) {
        if (choice === "skip") one.skip = true;
        if (choice === "rename") one.path = (await freeName([...base, ...one.path])).slice(base.length);
      }
    }
  } catch (fault) {
    await confirmed(t("failed"), explain(fault), t("close"));
    return;
  }
  const queue = wanted.filter((w) => !w.skip).map((w) => new Upload([...base, ...w.path], w.file, refresh));
  const next = async () => { for (let u = queue.shift(); u; u = queue.shift()) await u.run(); };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  await refresh();
}

// Into a folder nobody here sees: a name that is taken is found out by trying.
export async function dropFiles(base, files, there) {
  const queue = [...files];
  const next = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const upload = new Upload([...base, file.name], file, async () => {});
      upload.blind = true;
      if (await upload.run()) there(upload.path.at(-1));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

class Lost extends Error {} // the connection; what was sent may have come

class Upload {
  constructor(path, file, refresh) {
    Object.assign(this, { path, file, refresh, cancelled: false, done: 0, wrong: 0 });
    this.task = task(`${t("upload")}: ${path.at(-1)}`);
    this.task.progress(0, file.size, t("waiting"));
    this.task.button(t("cancel"), () => this.cancel());
  }

  cancel() {
    this.cancelled = true;
    this.request?.abort();
    this.worker?.terminate();
    this.unsummed?.(new Fault(0, t("cancelled")));
    this.stopped?.();
  }

  async run() {
    if (this.cancelled) { this.task.over(t("cancelled"), "dim"); return; }
    this.began = performance.now();
    try {
      if (this.blind) await this.#underFreeName();
      else await this.#bytes();
      this.task.over(`${t("done")} – ${t("verified")}`);
      return true;
    } catch (fault) {
      this.worker?.terminate();
      if (this.cancelled) { this.task.over(t("cancelled"), "dim"); return; }
      this.task.over(fault instanceof Lost ? t("fault.connection") : explain(fault), "bad");
      this.task.button(t("retry"), () => {
        const again = new Upload(this.path, this.file, this.refresh);
        again.run().then(() => this.refresh());
      });
    }
  }

  #bytes() {
    return this.file.size <= SMALL ? this.#retrying(() => this.#whole()) : this.#transaction();
  }

  // With "name (2)" and so on as long as the name is somebody else's.
  async #underFreeName() {
    const wanted = this.path;
    for (let n = 2; ; n++) {
      try {
        return await this.#bytes();
      } catch (fault) {
        if (fault.status !== 403 || n > NAMES_TRIED) throw fault;
        this.path = numbered(wanted, n);
      }
    }
  }

  // The bytes from `from` to `to`, with these headers. Resolves to the request.
  #send(from, to, headers) {
    return new Promise((yes, no) => {
      const request = this.request = new XMLHttpRequest();
      request.open("PUT", filesUrl(this.path));
      const type = this.file.type || (/\.(fits|fit)$/i.test(this.file.name) ? "application/fits" : "application/octet-stream");
      for (const [name, value] of Object.entries({ "Content-Type": type, ...headers })) request.setRequestHeader(name, value);
      let shown = 0;
      request.upload.onprogress = ({ loaded }) => {
        const now = performance.now();
        if (now - shown < SPEED_MS) return;
        shown = now;
        const sent = from + loaded, speed = sent / ((now - this.began) / 1000);
        this.task.progress(sent, this.file.size, `${size(sent)} / ${size(this.file.size)}, ${size(speed)}/s`);
      };
      request.onload = () => (request.status < 300 ? yes(request)
        : no(new Fault(request.status, request.responseText, request.getResponseHeader("X-Request-Id"))));
      request.onerror = request.ontimeout = () => no(new Lost());
      request.onabort = () => no(new Fault(0, t("cancelled")));
      // A file as it is is read where it is sent; the bytes of a slice are handed there.
      request.send(to - from === this.file.size ? this.file : this.file.slice(from, to));
    });
  }

  // Once more after a pause, each longer, when the connection is lost.
  async #retrying(act) {
    for (let n = 1; ; n++) {
      try {
        return await act();
      } catch (fault) {
        if (!(fault instanceof Lost) || n === TRIES || this.cancelled) throw fault;
        this.lost = true;
        this.task.progress(0, 0, t("connection.again"));
        await new Promise((yes) => { this.stopped = yes; setTimeout(yes, PAUSE_MS * n); });
        if (this.cancelled) throw new Fault(0, t("cancelled"));
      }
    }
  }

  // The checksum of these bytes, made by a worker; `kind` is its module.
  #sum(kind, blob) {
    this.worker?.terminate();
    const worker = this.worker = new Worker(`/ui/${kind}.js`, { type: "module" });
    const sum = new Promise((yes, no) => {
      this.unsummed = no;
      worker.onmessage = ({ data }) => {
        worker.terminate();
        if (data.sum) yes(`${kind}=${data.sum}`);
        else no(new Error(data.error));
      };
      worker.onerror = (why) => no(new Error(why.message));
      worker.postMessage(blob);
    });
    sum.catch(() => {}); // it is waited for later
    return sum;
  }

  async #whole() {
    await this.#send(0, this.file.size, { Digest: await this.#sum("md5", this.file) });
  }

  // How far the transaction got, as the server has it.
  async #progressOf(id) {
    const answer = await fetch(filesUrl(this.path), { method: "HEAD", headers: { "x-put-txn-id": id } }).catch(() => { throw new Lost(); });
    if (!answer.ok) throw new Fault(answer.status, t("failed"), answer.headers.get("X-Request-Id"));
    return { done: Number(answer.headers.get("Content-Length")), digest: answer.headers.get("Digest") };
  }

  // One segment more, or the same once more.
  async #segment(id, length) {
    if (this.unsure) {
      const { done } = await this.#progressOf(id);
      if (done > this.done) this.unverified = true;
      this.done = done;
      this.unsure = false;
      if (done >= this.file.size) return;
    }
    const end = Math.min(this.file.size, this.done + length);
    this.unsure = true;
    const ours = this.#sum("crc32c", this.file.slice(this.done, end));
    const answer = await this.#send(this.done, end, { "x-put-txn-id": id });
    this.task.progress(0, 0, t("verifying"));
    if (answer.getResponseHeader("x-put-segment-digest") === await ours) {
      this.done = end;
    } else {
      if (++this.wrong === TRIES) throw new Fault(0, t("fault.PreconditionFailed"));
      this.task.progress(0, 0, t("segment.again"));
      await this.#end(id, "revert");
    }
    this.unsure = false;
  }

  async #end(id, op) {
    const answer = await fetch(filesUrl(this.path), { method: "POST", headers: { "x-put-txn-id": id, "x-put-txn-op": op } }).catch(() => { throw new Lost(); });
    if (!answer.ok) throw new Fault(answer.status, t("failed"), answer.headers.get("X-Request-Id"));
  }

  async #transaction() {
    const total = this.file.size;
    const begin = await this.#retrying(() => this.#send(0, 0, { "x-put-txn-op": "start", "x-total-length": String(total) }));
    const id = begin.getResponseHeader("x-put-txn-id");
    const least = Number(begin.getResponseHeader("x-put-segment-minbytes")), most = Number(begin.getResponseHeader("x-put-segment-maxbytes"));
    // What has to be joined is written twice, so nothing is parted without need.
    const segment = () => Math.max(least || 1, Math.min(most || Infinity, this.lost ? SEGMENT_AFTER_LOSS : WHOLE));
    try {
      while (this.done < total) await this.#retrying(() => this.#segment(id, segment()));
      if (this.unverified) {
        this.task.progress(0, 0, t("verifying"));
        const { digest } = await this.#retrying(() => this.#progressOf(id));
        if (digest !== await this.#sum("md5", this.file)) throw new Fault(0, t("fault.PreconditionFailed"));
      }
    } catch (fault) {
      if (!(fault instanceof Lost)) this.#end(id, "abort").catch(() => {}); // it would end by itself, later
      throw fault;
    }
    await this.#retrying(() => this.#send(0, 0, { "x-put-txn-id": id, "x-put-txn-op": "commit" }));
  }
}
