// SPDX-License-Identifier: Apache-2.0
// For who came by a link to share. Its secret is behind the '#' of the address, which no
// browser sends: it is posted once, when the link is opened, for a cookie that is good below
// the link's own path only.

import { t } from "./words.js";
import { ask, date, decodePath, explain, filesUrl, form, h, link, size } from "./app.js";

const OPEN = `/share/${link.id}/open`;

export function open(where) {
  document.title = "Quartet";
  const text = location.hash.slice(1);
  const password = h("input", { type: "password", id: "link-password", autocomplete: "off" });
  const guarded = h("div", { hidden: true }, h("label", { for: "link-password" }, t("password")), password);
  const error = h("p", { class: "error", role: "alert" });
  const act = async (event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      await ask("POST", OPEN, form({ link: text, ...(password.value && { password: password.value }) }));
      history.replaceState(null, "", location.pathname);
      location.reload();
    } catch (fault) {
      // The first time nobody has been asked for one.
      const asks = /password/.test(fault.detail ?? "") && guarded.hidden;
      if (asks) guarded.hidden = false;
      else error.textContent = explain(fault);
      password.focus();
    }
  };
  where.append(h("div", { class: "page" }, h("h1", {}, t("link.opened")),
    text === "" ? h("p", { class: "error" }, t("link.part"))
      : h("form", { onsubmit: act }, h("p", {}, t("link.what")), guarded, error, h("button", { class: "main" }, t("link.open")))));
}

export function file(where, path, node) {
  document.title = `${node.name} – Quartet`;
  where.replaceChildren(h("div", { class: "page" }, h("h1", {}, node.name),
    link.label && h("p", {}, link.label),
    h("dl", { class: "facts" }, [["size", size(node.size)], ["changed", date(node.date)], ["md5", node.md5]]
      .filter(([, value]) => value).map(([key, value]) => [h("dt", {}, t(key)), h("dd", {}, value)])),
    h("a", { class: "button main", href: filesUrl(path), download: node.name }, t("download"))));
}

export function drop(where) {
  const path = decodePath(link.path);
  document.title = `${path.at(-1)} – Quartet`;
  const done = h("ul", { id: "dropped", "aria-label": t("link.dropped") });
  const take = async (files) => {
    const { dropFiles } = await import("./upload.js");
    await dropFiles(path, files, (name) => done.append(h("li", {}, name)));
  };
  const input = h("input", { type: "file", multiple: true, hidden: true, id: "pick-files", onchange: () => take([...input.files]) });
  const box = h("div", { class: "card dropbox" }, h("p", {}, t("link.drop")),
    h("button", { class: "main", onclick: () => input.click() }, t("upload.files")), input);
  box.addEventListener("dragover", (event) => { event.preventDefault(); box.classList.add("dropping"); });
  box.addEventListener("dragleave", () => box.classList.remove("dropping"));
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    box.classList.remove("dropping");
    take([...event.dataTransfer.files]);
  });
  where.append(h("div", { class: "page" }, h("h1", {}, path.at(-1)), link.label && h("p", {}, link.label), box, done));
}
