// SPDX-License-Identifier: Apache-2.0
// What can be done with the nodes of a folder. Each function asks what it has to ask, does
// it, says how it went, and calls `refresh` when the folder has changed.

import { t } from "./words.js";
import {
  ask, asked, askJson, confirmed, date, dialog, encodePath, explain, filesUrl, form, h, link, nodeUri, nodesUrl, say,
  session, size, task,
} from "./app.js";
import { getNode, groupName } from "./browse.js";
import { createNode, fetchPackage, followJob, nodeDocument, packageUrl, postTransfer, PROPERTY, setNode } from "./vospace.js";

const nameOf = (path) => path.at(-1) ?? t("all");
const GROUPS_MAX = 4;

// What is wrong with a name, in words; the server has the last one.
export function wrongName(name) {
  if (name === "." || name === ".." || name.includes("/") || name.includes("\0")) return t("name.wrong");
  return new TextEncoder().encode(name).length > 255 ? t("name.long") : "";
}

// One thing for each path, the failures told together at the end.
async function each(paths, verb, act) {
  const failures = [];
  const progress = paths.length > 3 ? task(verb) : null;
  for (const [i, path] of paths.entries()) {
    progress?.progress(i, paths.length, `${i} / ${paths.length}`);
    try {
      await act(path);
    } catch (fault) {
      failures.push([path, fault]);
    }
  }
  progress?.over(failures.length ? t("some.failed", { n: failures.length }) : t("done"), failures.length ? "bad" : "good");
  if (failures.length) {
    await dialog(t("some.failed", { n: failures.length }), (close) => [
      h("ul", {}, failures.map(([path, fault]) => h("li", {}, h("b", {}, nameOf(path)), ": ", explain(fault)))),
      h("div", { class: "ends" }, h("button", { class: "main", onclick: () => close() }, t("close"))),
    ]);
  }
  return failures.length === 0;
}

export async function newFolder(path, refresh) {
  const name = await asked(t("folder.new"), t("name"), "", wrongName);
  if (!name) return;
  try {
    await createNode([...path, name], "ContainerNode");
    await refresh();
  } catch (fault) {
    say(explain(fault));
  }
}

export async function newLink(path, refresh) {
  const made = await dialog(t("link.new"), (close) => {
    const name = h("input", { type: "text", id: "link-name", required: true, autofocus: true });
    const target = h("input", { type: "text", id: "link-target", required: true, placeholder: "vos://… https://…" });
    const error = h("p", { class: "error", role: "alert" });
    return h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        error.textContent = wrongName(name.value);
        if (error.textContent) return;
        const to = target.value.startsWith("/") ? nodeUri(target.value.split("/").filter(Boolean)) : target.value;
        await createNode([...path, name.value], "LinkNode", to).then(() => close(true), (f) => { error.textContent = explain(f); });
      },
    }, h("label", { for: "link-name" }, t("name")), name, h("label", { for: "link-target" }, t("link.target")), target, error,
    h("div", { class: "ends" }, h("button", { type: "button", onclick: () => close() }, t("cancel")), h("button", { class: "main" }, t("link.new"))));
  });
  if (made) await refresh();
}

export async function rename(path, refresh) {
  const name = await asked(t("rename"), t("name.new"), nameOf(path), wrongName);
  if (!name || name === nameOf(path)) return;
  try {
    await followJob(await postTransfer(path, [...path.slice(0, -1), name], false));
    await refresh();
  } catch (fault) {
    say(explain(fault));
  }
}

export async function remove(paths, refresh) {
  const what = paths.length === 1 ? nameOf(paths[0]) : t("nodes", { n: paths.length });
  if (!await confirmed(t("delete"), t("delete.sure", { what }), t("delete"))) return;
  await each(paths, t("delete"), async (path) => {
    const node = await getNode(path, "min");
    if (node.type !== "ContainerNode") {
      await ask("DELETE", nodesUrl(path));
      return;
    }
    const progress = task(`${t("delete")}: ${nameOf(path)}`);
    const job = await ask("POST", "/vault/async-delete?PHASE=RUN",
      { body: new URLSearchParams({ target: nodeUri(path) }).toString(), type: "application/x-www-form-urlencoded" });
    await followJob(job, progress);
  });
  await refresh();
}

// Choosing a folder by walking there.
function chooseFolder(title, start) {
  return dialog(title, (close) => {
    let path = start;
    const here = h("p", {}), list = h("ul", { class: "folders" }), error = h("p", { class: "error", role: "alert" });
    async function walk(to) {
      error.textContent = "";
      try {
        const json = await (await ask("GET", `${nodesUrl(to)}?detail=min&limit=1000`, { accept: "application/json" })).json();
        path = to;
        here.textContent = "/" + path.join("/");
        const names = (json["vos:node"]["vos:nodes"]?.$ ?? []).map((c) => c.node).filter((n) => n["@xsi:type"] === "vos:ContainerNode")
          .map((n) => decodeURIComponent(n["@uri"].slice(n["@uri"].lastIndexOf("/") + 1)));
        const entry = (label, where) => h("li", {}, h("button", { class: "plain", onclick: () => walk(where) }, label));
        list.replaceChildren(...(path.length ? [entry("../", path.slice(0, -1))] : []), ...names.map((n) => entry(`${n}/`, [...path, n])));
      } catch (fault) {
        error.textContent = explain(fault);
      }
    }
    walk(start);
    return [here, list, error, h("div", { class: "ends" },
      h("button", { onclick: () => close() }, t("cancel")),
      h("button", { class: "main", onclick: () => close(path) }, title))];
  });
}

export async function transfer(paths, keep, refresh) {
  const title = t(keep ? "copy.here" : "move.here");
  const to = await chooseFolder(title, paths[0].slice(0, -1));
  if (!to) return;
  await each(paths, title, async (path) => followJob(await postTransfer(path, [...to, nameOf(path)], keep)));
  await refresh();
}

// Fetching

function fetchUrl(url, name) {
  const a = h("a", { href: url, download: name ?? true });
  document.body.append(a);
  a.click();
  a.remove();
}

export async function download(paths) {
  if (paths.length === 1 && paths[0].length > 0) {
    const node = await getNode(paths[0], "min");
    if (node.type !== "ContainerNode") {
      fetchUrl(filesUrl(paths[0]), nameOf(paths[0]));
      return;
    }
  }
  const format = await dialog(t("download"), (close) => [
    h("p", {}, t("download.as", { n: paths.length })),
    h("div", { class: "ends" },
      h("button", { onclick: () => close() }, t("cancel")),
      h("button", { onclick: () => close("application/x-tar") }, "tar"),
      h("button", { class: "main", autofocus: true, onclick: () => close("application/zip") }, "zip")),
  ]);
  if (!format) return;
  if (link) fetchPackage(paths, format);
  else fetchUrl(await packageUrl(paths, format));
}

// A link to share, whose address is shown once.
export async function share(path) {
  const isFolder = (await getNode(path, "min")).type === "ContainerNode";
  const made = await dialog(t("share"), (close) => {
    const input = (id, type, more) => [h("label", { for: `s-${id}` }, t(`share.${id}`)), h("input", { id: `s-${id}`, name: id, type, ...more })];
    const error = h("p", { class: "error", role: "alert" });
    const make = async (event) => {
      event.preventDefault();
      const wish = Object.fromEntries([...new FormData(event.target)].filter(([, value]) => value !== ""));
      try {
        close(await askJson("POST", "/account/links", form({ ...wish, path: encodePath(path) })));
      } catch (fault) {
        error.textContent = explain(fault);
      }
    };
    return h("form", { onsubmit: make },
      h("p", {}, t("share.what", { name: nameOf(path) })),
      isFolder && [h("label", { for: "s-access" }, t("share.access")), h("select", { id: "s-access", name: "access" },
        h("option", { value: "read" }, t("share.read")), h("option", { value: "drop" }, t("share.drop")))],
      input("days", "number", { min: 1, value: 7, required: true }), input("count", "number", { min: 1 }),
      input("password", "text", { minlength: 8, autocomplete: "off" }), input("label", "text", { maxlength: 200 }), error,
      h("div", { class: "ends" }, h("button", { type: "button", onclick: () => close() }, t("cancel")),
        h("button", { class: "main" }, t("share.make"))));
  });
  if (!made) return;
  await dialog(t("share"), (close) => [
    h("p", {}, t("share.once")), h("pre", { tabindex: "0", id: "link-text" }, made.url),
    h("div", { class: "ends" },
      h("button", { onclick: () => navigator.clipboard.writeText(made.url).then(() => say(t("copied"))) }, t("copy.text")),
      h("button", { class: "main", onclick: () => close() }, t("close")))]);
}

export function urlList(paths) {
  const files = paths.map((p) => location.origin + filesUrl(p)).join("\n");
  const vcp = `vcp ${paths.map((p) => "'vos:" + p.join("/").replaceAll("'", "'\\''") + "'").join(" ")} .`;
  const box = (id, label, text) => [h("label", { for: id }, label),
    h("textarea", { id, readonly: true, rows: Math.min(8, text.split("\n").length + 1), cols: 70, value: text }),
    h("div", {}, h("button", { onclick: () => navigator.clipboard.writeText(text).then(() => say(t("copied"))) }, t("copy.text")))];
  return dialog(t("urls"), (close) => [
    box("url-list", t("urls"), files), box("vcp-line", t("urls.vcp"), vcp),
    h("div", { class: "ends" }, h("button", { class: "main", onclick: () => close() }, t("close")))]);
}

// Looking

// Who can do what with a node, and why.
function rights(node) {
  const lines = [];
  if (node.isPublic) lines.push(t("right.public"));
  lines.push(t("right.owner", { owner: node.owner ?? "?" }));
  for (const uri of node.readGroups) lines.push(t("right.read", { group: groupName(uri) }));
  for (const uri of node.writeGroups) lines.push(t("right.write", { group: groupName(uri) }));
  lines.push(t("right.above"));
  if (node.locked) lines.push(t("right.locked"));
  if (node.type === "ContainerNode" && node.inherits) lines.push(t("right.inherits"));
  if (session.name)
    lines.push(t("right.you", { read: t(node.readable === "true" ? "yes" : "no"), write: t(node.writable === "true" ? "yes" : "no") }));
  return h("ul", {}, lines.map((l) => h("li", {}, l)));
}

const isFits = (node) => /fits/.test(node.contentType ?? "") || /\.(fits|fit|fz)$/i.test(node.name);

export async function details(path) {
  let node;
  try {
    node = await getNode(path);
  } catch (fault) {
    say(explain(fault));
    return;
  }
  const facts = [
    ["uri", h("code", {}, nodeUri(path))], ["size", node.size === null ? null : `${size(node.size)} (${node.size})`],
    ["changed", date(node.date)], ["owner", node.owner], ["type", node.contentType], ["link.target", node.target],
    ["md5", node.md5 && h("code", {}, node.md5)], ["copies", node.copies], ["quota", node.quota === null ? null : size(node.quota)],
  ].filter(([, value]) => value);
  await dialog(nameOf(path), (close) => [
    h("dl", { class: "facts" }, facts.map(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, value)])),
    h("h2", {}, t("rights")), rights(node),
    h("div", { class: "ends" },
      isFits(node) && node.type === "DataNode" && h("button", { onclick: () => import("./fits.js").then((m) => m.fits(path)) }, t("fits")),
      h("button", { class: "main", autofocus: true, onclick: () => close() }, t("close"))),
  ]);
}

export async function menu(path, refresh) {
  const choice = (key, run, css) => h("button", { class: css, onclick: () => { close(); run(); } }, t(key));
  let close;
  await dialog(nameOf(path), (end) => {
    close = end;
    return [h("div", { class: "row" }, ...[
      choice("details", () => details(path), "main"),
      choice("download", () => download([path]).catch((f) => say(explain(f)))),
      !link && choice("urls", () => urlList([path])),
      session.name && choice("rename", () => rename(path, refresh)),
      session.name && choice("move", () => transfer([path], false, refresh)),
      session.name && choice("copy", () => transfer([path], true, refresh)),
      session.name && choice("permissions", () => permissions([path], refresh)),
      session.account && choice("share", () => share(path).catch((f) => say(explain(f)))),
      session.name && choice("delete", () => remove([path], refresh), "danger"),
    ].filter(Boolean)),
    h("div", { class: "ends" }, h("button", { onclick: () => end() }, t("close")))];
  });
}

// Permissions

let known; // names of groups, for typing
async function groupNames() {
  known ??= ask("GET", "/gms/search").then((a) => a.text()).then((text) => text.split("\r\n").filter(Boolean)).catch(() => []);
  return known;
}

// Up to four groups, found while typing.
function groupField(id, label, uris) {
  const list = h("ul", { class: "chips" });
  const options = h("datalist", { id: `${id}-names` });
  const input = h("input", { type: "text", id, list: `${id}-names`, size: 20 });
  const values = [...uris];
  groupNames().then((names) => options.append(...names.map((n) => h("option", { value: n }))));
  function draw() {
    list.replaceChildren(...values.map((uri, i) => h("li", {}, groupName(uri),
      h("button", { class: "plain", type: "button", "aria-label": t("group.drop", { name: groupName(uri) }), onclick: () => { values.splice(i, 1); draw(); } }, "✕"))));
    input.disabled = values.length >= GROUPS_MAX;
  }
  function take() {
    const text = input.value.trim();
    if (!text) return;
    const uri = text.includes("?") ? text : session.group_prefix + text;
    if (!values.includes(uri)) values.push(uri);
    input.value = "";
    draw();
  }
  input.addEventListener("change", take);
  input.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); take(); } });
  draw();
  return { values, take, content: [h("label", { for: id }, label), list, input, options] };
}

export async function permissions(paths, refresh) {
  let node;
  try {
    node = await getNode(paths[0]);
  } catch (fault) {
    say(explain(fault));
    return;
  }
  const tick = (id, checked) => h("input", { type: "checkbox", id, checked });
  const isPublic = tick("p-public", node.isPublic), inherits = tick("p-inherits", node.inherits), locked = tick("p-locked", node.locked);
  const tree = tick("p-tree", false), isFolder = paths.length > 1 || node.type === "ContainerNode";
  const read = groupField("p-read", t("groups.read"), node.readGroups), write = groupField("p-write", t("groups.write"), node.writeGroups);
  const ticked = (box, key) => h("label", { class: "inline" }, box, t(key));
  const yes = await dialog(`${t("permissions")}: ${paths.length === 1 ? nameOf(paths[0]) : t("nodes", { n: paths.length })}`, (close) =>
    h("form", { onsubmit: (e) => { e.preventDefault(); read.take(); write.take(); close(true); } },
      ticked(isPublic, "public.long"), read.content, write.content,
      h("div", {}, isFolder && ticked(inherits, "inherits.long"), ticked(locked, "locked.long")),
      isFolder && h("div", {}, ticked(tree, "tree.too")),
      paths.length === 1 && [h("h2", {}, t("rights.now")), rights(node)],
      h("div", { class: "ends" }, h("button", { type: "button", onclick: () => close() }, t("cancel")), h("button", { class: "main" }, t("save")))));
  if (!yes) return;
  const wanted = (one) => ({
    [PROPERTY.public]: String(isPublic.checked), [PROPERTY.read]: read.values.join(" ") || null, [PROPERTY.write]: write.values.join(" ") || null,
    [PROPERTY.locked]: locked.checked ? "true" : null,
    ...(one.type === "ContainerNode" ? { [PROPERTY.inherits]: String(inherits.checked) } : {}),
  });
  await each(paths, t("permissions"), async (path) => {
    const one = await getNode(path, "min");
    if (!tree.checked || one.type !== "ContainerNode") {
      await setNode(path, one.type, wanted(one));
      return;
    }
    const progress = task(`${t("permissions")}: ${nameOf(path)}`);
    await followJob(await ask("POST", "/vault/async-setprops?PHASE=RUN", { body: nodeDocument(path, one.type, wanted(one)), type: "text/xml" }), progress);
  });
  await refresh();
}

