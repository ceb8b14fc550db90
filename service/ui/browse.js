// SPDX-License-Identifier: Apache-2.0
// A folder. Of a large one only the names are kept, in the server's order; what else is shown
// of a row is asked for when the row comes into view, a block of rows at a time, and forgotten
// again. Sorting and filtering are the server's.

import { t } from "./words.js";
import {
  ask, askJson, browseUrl, date, decodePath, explain, failed, filesUrl, go, h, link, nodeUri, nodesUrl, say, session, size,
} from "./app.js";

const ROW = 34; // pixels; style.css says the same
const FIRST = 200, BLOCK = 100, NAMES = 20000, BLOCKS_KEPT = 40, BEYOND = 10;
const CORE = "ivo://ivoa.net/vospace/core#", CADC = "ivo://cadc.nrc.ca/vospace/core#";
const COPIES = "ivo://quartet/vospace/core#copies";

// A node of the service's JSON as this page uses it.
export function readNode(json) {
  const values = {};
  for (const { property } of json["vos:properties"]?.$ ?? []) values[property["@uri"]] = property.$;
  const core = (name) => values[CORE + name];
  const uri = json["@uri"];
  const groups = (name) => (core(name) ?? "").split(/\s+/).filter(Boolean);
  return {
    name: decodeURIComponent(uri.slice(uri.lastIndexOf("/") + 1)),
    type: json["@xsi:type"].replace("vos:", ""),
    size: core("length") === undefined ? null : Number(core("length")),
    date: core("date"), md5: core("MD5"), owner: core("creator"), contentType: core("type"),
    isPublic: core("ispublic") === "true", readGroups: groups("groupread"), writeGroups: groups("groupwrite"),
    locked: values[CADC + "islocked"] === "true", inherits: values[CADC + "inheritPermissions"] === "true",
    readable: values[CADC + "readable"], writable: values[CADC + "writable"],
    quota: core("quota") === undefined ? null : Number(core("quota")),
    copies: values[COPIES], target: json["vos:target"]?.$ ?? json["vos:target"],
    values,
  };
}

const children = (json) => (json["vos:node"]["vos:nodes"]?.$ ?? []).map((c) => c.node);

export async function getNode(path, detail = "max") {
  const json = await askJson("GET", `${nodesUrl(path)}?limit=0&detail=${detail}`);
  return readNode(json["vos:node"]);
}

class Folder {
  constructor(path) {
    this.path = path;
    this.names = []; // [{ name, type }]
    this.blocks = new Map(); // number of the block -> Map of name -> node
    this.order = { sort: "", order: "asc", name: "" };
    this.complete = false;
  }

  query(more) {
    const q = new URLSearchParams(more);
    if (this.order.sort) { q.set("sort", CORE + this.order.sort); q.set("order", this.order.order); }
    if (this.order.name) q.set("name", `*${this.order.name}*`);
    return `${nodesUrl(this.path)}?${q}`;
  }

  // The first rows; then the rest of the names, `changed` being called as they come.
  async load(changed) {
    this.stop();
    const stopped = this.stopper = new AbortController();
    const first = await askJson("GET", this.query({ detail: "max", limit: FIRST }), { signal: stopped.signal });
    this.node = readNode(first["vos:node"]);
    const nodes = children(first).map(readNode);
    this.names = nodes.map(({ name, type }) => ({ name, type }));
    this.blocks.clear();
    for (let at = 0; at < nodes.length; at += BLOCK)
      this.blocks.set(at / BLOCK, new Map(nodes.slice(at, at + BLOCK).map((n) => [n.name, n])));
    this.complete = nodes.length < FIRST;
    changed();
    if (!this.complete) this.rest(changed, stopped.signal).catch((fault) => {
      if (fault.name !== "AbortError") say(explain(fault));
    });
  }

  async rest(changed, signal) {
    for (;;) {
      const last = this.names.at(-1).name;
      const page = children(await askJson("GET",
        this.query({ detail: "min", limit: NAMES, uri: nodeUri([...this.path, last]) }), { signal }));
      const found = page.map((json) => {
        const uri = json["@uri"];
        return { name: decodeURIComponent(uri.slice(uri.lastIndexOf("/") + 1)), type: json["@xsi:type"].slice(4) };
      });
      if (found[0]?.name === last) found.shift();
      for (const one of found) this.names.push(one);
      this.complete = page.length < NAMES;
      changed();
      if (this.complete) return;
    }
  }

  // What is known of the row, or null: then it is asked for, and `changed` is called.
  row(index, changed) {
    const number = Math.floor(index / BLOCK), block = this.blocks.get(number);
    if (block instanceof Map) {
      this.blocks.delete(number); // the one used last is the last
      this.blocks.set(number, block);
      return block.get(this.names[index].name) ?? null;
    }
    if (block === undefined) {
      const first = this.names[number * BLOCK].name;
      this.blocks.set(number, "asked");
      askJson("GET", this.query({ limit: BLOCK, uri: nodeUri([...this.path, first]) }), { signal: this.stopper.signal })
        .then((json) => {
          this.blocks.set(number, new Map(children(json).map(readNode).map((n) => [n.name, n])));
          while (this.blocks.size > BLOCKS_KEPT) this.blocks.delete(this.blocks.keys().next().value);
          changed();
        })
        .catch(() => this.blocks.delete(number));
    }
    return null;
  }

  stop() { this.stopper?.abort(); }
}

const kindOf = (type) => ({ ContainerNode: "folder", LinkNode: "link" })[type] ?? "file";
export const groupName = (uri) => uri.slice(uri.indexOf("?") + 1);

function marks(node) {
  const all = [...new Set([...node.readGroups, ...node.writeGroups])].map(groupName);
  return [
    node.isPublic && h("span", { class: "mark" }, t("public")),
    node.locked && h("span", { class: "mark" }, t("locked")),
    all.length > 0 && h("span", { class: "mark", title: all.join(", ") }, all.length === 1 ? all[0] : `${all[0]} +${all.length - 1}`),
  ];
}

function crumbs(path) {
  const items = link ? [] : [h("li", {}, h("a", { href: browseUrl([]) }, t("all")))];
  const first = link ? decodePath(link.path).length - 1 : 0; // a guest sees nothing above
  path.forEach((name, i) => {
    if (i < first) return;
    const last = i === path.length - 1;
    items.push(h("li", {}, last ? h("span", { "aria-current": "page" }, name)
      : h("a", { href: browseUrl(path.slice(0, i + 1)) }, name)));
  });
  return h("nav", { "aria-label": t("place") }, h("ol", { class: "crumbs" }, items));
}

// The nearest quota above, with what is used of it.
async function quotaBar(path, where) {
  for (let n = path.length; n > 0; n--) {
    const node = await getNode(path.slice(0, n)).catch(() => null);
    if (node?.quota === null || node?.quota === undefined) continue;
    const name = path[n - 1], text = t("quota.used", { used: size(node.size), quota: size(node.quota), name });
    where.replaceChildren(
      h("meter", { max: node.quota, value: node.size, high: node.quota * 0.9, "aria-label": text }), h("span", {}, text));
    return;
  }
}

export async function browse(where, path) {
  const folder = new Folder(path);
  const picked = new Set();
  let anchor = -1, focused = 0, drawn = false;

  const body = h("tbody", {});
  const count = h("span", { class: "dim", role: "status" });
  const all = h("input", { type: "checkbox", "aria-label": t("select.all"), onchange: () => pickAll(all.checked) });
  const header = (key, cssClass, sort) => h("th", { class: cssClass, scope: "col", "data-sort": sort }, sort === undefined ? t(key)
    : h("button", { class: "plain", onclick: () => sortBy(sort) }, t(key)));
  const table = h("table", { "aria-label": path.at(-1) ?? t("all"), "aria-multiselectable": "true", role: "grid" },
    h("thead", {}, h("tr", {}, h("th", { class: "box", scope: "col" }, all), header("name", "", ""), header("size", "size", "length"),
      header("changed", "date", "date"), header("owner", "who"), header("access", "marks"),
      h("th", { class: "act", scope: "col" }, h("span", { class: "unseen" }, t("actions"))))), body);
  const nothing = h("p", { class: "empty", hidden: true });
  const box = h("div", { class: "files", tabindex: "-1" }, table, nothing);
  const quota = h("div", { class: "quota" });
  const filter = h("input", { type: "search", "aria-label": t("filter"), placeholder: t("filter"), size: 14 });
  const tools = h("div", { class: "tools", role: "toolbar", "aria-label": t("actions") });

  // Choosing

  const chosen = () => folder.names.filter((n) => picked.has(n.name)).map((n) => [...path, n.name]);
  function pick(index, { add = false, range = false } = {}) {
    if (range && anchor >= 0) {
      for (let i = Math.min(anchor, index); i <= Math.max(anchor, index); i++) picked.add(folder.names[i].name);
    } else {
      const { name } = folder.names[index];
      if (!add) picked.clear();
      if (add && picked.has(name)) picked.delete(name); else picked.add(name);
      anchor = index;
    }
    draw();
    offer();
  }
  function pickAll(yes) {
    picked.clear();
    if (yes) for (const { name } of folder.names) picked.add(name);
    draw();
    offer();
  }

  // Drawing

  function rowOf(index) {
    const { name, type } = folder.names[index], node = folder.row(index, later);
    const kind = kindOf(type), selected = picked.has(name);
    const tick = h("input", { type: "checkbox", tabindex: "-1", "aria-label": t("select", { name }), checked: selected });
    tick.checked = selected;
    tick.addEventListener("click", (e) => { e.stopPropagation(); pick(index, { add: true, range: e.shiftKey }); });
    const open = type === "ContainerNode" ? h("a", { href: browseUrl([...path, name]), tabindex: "-1" }, name)
      : h("a", { href: filesUrl([...path, name]), download: name, tabindex: "-1" }, name);
    return h("tr", {
      class: "item", "aria-selected": String(selected), "aria-rowindex": index + 2, "data-index": index,
      tabindex: index === focused ? "0" : "-1",
    },
    h("td", { class: "box" }, tick),
    h("td", { title: name }, h("span", { class: `kind ${kind}`, role: "img", "aria-label": t(kind) }), open),
    h("td", { class: "size" }, node ? size(node.size) : ""),
    h("td", { class: "date" }, node ? date(node.date) : ""),
    h("td", { class: "who" }, node?.owner ?? ""),
    h("td", { class: "marks" }, node ? marks(node) : ""),
    h("td", { class: "act" }, h("button", {
      class: "plain", tabindex: "-1", "aria-label": t("actions.of", { name }), "aria-haspopup": "dialog",
      onclick: () => actions().then((m) => m.menu([...path, name], refresh)),
    }, "⋯")));
  }

  function draw() {
    const n = folder.names.length, first = Math.max(0, Math.floor(box.scrollTop / ROW) - BEYOND);
    const shown = Math.ceil((box.clientHeight || 600) / ROW) + 2 * BEYOND, end = Math.min(n, first + shown);
    const held = body.contains(document.activeElement) && document.activeElement.matches("tr");
    const rows = [];
    // In place of the rows that are not drawn.
    const gap = (count) => {
      if (count === 0) return;
      const cell = h("td");
      cell.style.height = `${count * ROW}px`;
      rows.push(h("tr", { "aria-hidden": "true" }, cell));
    };
    gap(first);
    for (let i = first; i < end; i++) rows.push(rowOf(i));
    gap(n - end);
    nothing.hidden = n > 0 || !drawn;
    nothing.textContent = t(folder.order.name ? "nothing.matches" : "folder.empty");
    body.replaceChildren(...rows);
    table.setAttribute("aria-rowcount", folder.complete ? n + 1 : -1);
    count.textContent = picked.size > 0 ? t("count.picked", { picked: picked.size, n })
      : folder.complete ? t("count", { n }) : t("count.more", { n });
    all.checked = n > 0 && picked.size === n;
    all.indeterminate = picked.size > 0 && picked.size < n;
    for (const th of table.querySelectorAll("th[data-sort]"))
      th.setAttribute("aria-sort", th.dataset.sort !== folder.order.sort ? "none" : folder.order.order === "asc" ? "ascending" : "descending");
    if (held) focusRow(focused, false);
  }
  let waiting = false;
  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function focusRow(index, scroll = true) {
    if (folder.names.length === 0) return;
    focused = Math.max(0, Math.min(index, folder.names.length - 1));
    if (scroll) {
      const top = focused * ROW;
      if (top < box.scrollTop + ROW) box.scrollTop = Math.max(0, top - ROW);
      else if (top + 2 * ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * ROW - box.clientHeight;
      draw();
    }
    body.querySelector(`tr[data-index="${focused}"]`)?.focus({ preventScroll: true });
  }

  // Doing

  const actions = () => import("./actions.js");
  async function refresh() {
    const from = box.scrollTop;
    await load();
    for (const name of [...picked]) if (!folder.names.some((n) => n.name === name)) picked.delete(name);
    box.scrollTop = from;
    later();
    offer();
  }
  async function load() {
    await folder.load(() => { drawn = true; later(); });
  }
  async function sortBy(sort) {
    const again = folder.order.sort === sort;
    folder.order.order = again && folder.order.order === "asc" ? "desc" : "asc";
    folder.order.sort = sort;
    if (sort === "" && folder.order.order === "desc") folder.order.order = "asc"; // by name there is one way
    await load().catch((fault) => say(explain(fault)));
    box.scrollTop = 0;
  }
  let typing;
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(async () => {
      folder.order.name = filter.value.replace(/[*?]/g, "?");
      await load().catch((fault) => say(explain(fault)));
      box.scrollTop = 0;
    }, 200);
  });

  function offer() {
    const some = picked.size > 0;
    const act = (key, run, { on = true, css } = {}) => h("button", {
      class: css, disabled: !on, onclick: () => actions().then((m) => run(m)).catch((f) => say(explain(f))),
    }, t(key));
    const filesInput = h("input", { type: "file", multiple: true, hidden: true, id: "pick-files", onchange: () => upload([...filesInput.files]) });
    const folderInput = h("input", { type: "file", webkitdirectory: true, hidden: true, id: "pick-folder", onchange: () => upload([...folderInput.files]) });
    const may = folder.node && folder.node.writable === "true" && Boolean(session.name);
    tools.replaceChildren(...[
      may && h("button", { class: "main", onclick: () => filesInput.click() }, t("upload.files")), may && filesInput,
      may && h("button", { onclick: () => folderInput.click() }, t("upload.folder")), may && folderInput,
      may && act("folder.new", (m) => m.newFolder(path, refresh)),
      may && act("link.new", (m) => m.newLink(path, refresh)),
      act("download", (m) => m.download(some ? chosen() : [path]), { on: folder.names.length > 0 }),
      !link && act("urls", (m) => m.urlList(some ? chosen() : [path]), { on: folder.names.length > 0 }),
      some && session.name && act("move", (m) => m.transfer(chosen(), false, refresh)),
      some && session.name && act("copy", (m) => m.transfer(chosen(), true, refresh)),
      session.name && (some || path.length > 0) && act("permissions", (m) => m.permissions(some ? chosen() : [path], refresh)),
      some && session.name && act("delete", (m) => m.remove(chosen(), refresh), { css: "danger" }),
      h("span", { class: "gap" }), count, filter,
    ].filter(Boolean));
  }

  async function upload(list) {
    const { uploadFiles } = await import("./upload.js");
    await uploadFiles(path, list, refresh);
  }

  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr.item");
    if (!row || event.target.closest("a,button,input")) return;
    focused = Number(row.dataset.index);
    pick(focused, { add: event.ctrlKey || event.metaKey, range: event.shiftKey });
    focusRow(focused, false);
  });
  table.addEventListener("keydown", (event) => {
    if (!event.target.matches("tr.item")) return;
    const page = Math.max(1, Math.floor(box.clientHeight / ROW) - 2), here = Number(event.target.dataset.index);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: folder.names.length - 1 }[event.key];
    const { name, type } = folder.names[here];
    if (to !== undefined) {
      if (event.shiftKey) { if (anchor < 0) anchor = here; pick(Math.max(0, Math.min(to, folder.names.length - 1)), { range: true }); }
      focusRow(to);
    } else if (event.key === " ") pick(here, { add: true, range: event.shiftKey });
    else if (event.key === "a" && (event.ctrlKey || event.metaKey)) pickAll(true);
    else if (event.key === "Escape") pickAll(false);
    else if (event.key === "Enter") type === "ContainerNode" ? go(browseUrl([...path, name])) : event.target.querySelector("a").click();
    else if (event.key === "Delete" && session.name) actions().then((m) => m.remove(picked.size ? chosen() : [[...path, name]], refresh));
    else if (event.key === "F2" && session.name) actions().then((m) => m.rename([...path, name], refresh));
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) actions().then((m) => m.menu([...path, name], refresh));
    else return;
    event.preventDefault();
  });
  box.addEventListener("scroll", later, { passive: true });
  const sized = new ResizeObserver(later);
  sized.observe(box);

  // Dropping files and folders
  box.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    box.classList.add("dropping");
  });
  box.addEventListener("dragleave", () => box.classList.remove("dropping"));
  box.addEventListener("drop", async (event) => {
    event.preventDefault();
    box.classList.remove("dropping");
    const { dropped, uploadFiles } = await import("./upload.js");
    const got = await dropped(event.dataTransfer);
    await uploadFiles(path, got.files, refresh, got.folders);
  });

  where.append(crumbs(path), quota, tools, box);
  document.title = `${path.at(-1) ?? t("all")} – Quartet`;
  try {
    await load();
  } catch (fault) {
    where.replaceChildren(crumbs(path));
    if (fault.status === 400 || fault.status === 404) {
      const node = await getNode(path).catch(() => null);
      if (node && node.type !== "ContainerNode") { // the address of a file: its facts
        if (link) return (await import("./share.js")).file(where, path, node);
        const { details } = await actions();
        go(browseUrl(path.slice(0, -1)), { replace: true });
        details(path);
        return undefined;
      }
    }
    failed(where, fault);
    return undefined;
  }
  if (folder.node.type !== "ContainerNode") {
    if (link) return (await import("./share.js")).file(where, path, folder.node);
    const { details } = await actions();
    go(browseUrl(path.slice(0, -1)), { replace: true });
    details(path);
    return undefined;
  }
  offer();
  if (session.name) quotaBar(path, quota);
  return () => { folder.stop(); sized.disconnect(); };
}
