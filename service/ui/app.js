// SPDX-License-Identifier: Apache-2.0
// The shell: who is signed in, asking the server, which page is shown at which address.
//
//   /browse/PATH   a folder                     browse.js
//   /page/NAME     signin, register, account,
//                  forgot, renew                account.js
//                  groups                       groups.js
//                  admin                        admin.js
//   /share/LINK    for who came by a link: before it is opened, to drop files (share.js);
//   /share/LINK/browse/PATH                     the same folders, for what the link allows
//
// A page is a function that fills <main> and may return a function that ends it. Text from
// the server is only ever put into the document as text, never as markup.

import { t, language, setLanguage, LANGUAGES } from "./words.js";

export const session = JSON.parse(document.getElementById("session").textContent);
export const link = session.link ?? null; // { id, open, path, access … } for a guest
const base = link ? `/share/${link.id}` : "";
export const main = document.getElementById("main");
const says = document.getElementById("says");

// Elements

export function h(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (name === "value") e.value = value;
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

let sayTimer;
export function say(text) {
  says.textContent = text;
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => { says.textContent = ""; }, 6000);
}

// Asking the server

export class Fault extends Error {
  constructor(status, text, request) {
    super(text);
    this.status = status;
    this.word = /^(\w+):/.exec(text)?.[1] ?? "";
    this.detail = text.replace(/^\w+: /, "");
    this.request = request;
  }
}

// In plain words, with what the operator can find in the log.
export function explain(fault) {
  if (fault instanceof TypeError && /fetch/i.test(fault.message)) return t("fault.connection");
  if (!(fault instanceof Fault)) {
    console.error(fault); // one of ours
    return String(fault.message);
  }
  const known = t("fault." + fault.word);
  const words = known === "fault." + fault.word ? fault.detail : `${known} (${fault.detail})`;
  return fault.request ? `${words} [${t("request")} ${fault.request}]` : words;
}

export async function ask(method, url, { body, type, accept, signal } = {}) {
  const headers = {};
  if (type) headers["Content-Type"] = type;
  if (accept) headers.Accept = accept;
  const answer = await fetch(url, { method, body, headers, signal, credentials: "same-origin" });
  if (answer.ok) return answer;
  const text = (await answer.text()).slice(0, 2000);
  const fault = new Fault(answer.status, text || answer.statusText, answer.headers.get("X-Request-Id"));
  if (answer.status === 401 && session.name) fault.expired = true;
  throw fault;
}

export const askJson = async (method, url, options) =>
  (await ask(method, url, { accept: "application/json", ...options })).json();

export const form = (fields) => ({
  body: new URLSearchParams(fields).toString(), type: "application/x-www-form-urlencoded",
});

// Paths are arrays of names; as the service spells them in URLs.
export const encodePath = (path) =>
  path.map((name) => "/" + encodeURIComponent(name).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase())).join("");
export const vaultUrl = (rest) => `${base}/vault${rest}`;
export const nodesUrl = (path) => vaultUrl("/nodes" + encodePath(path));
export const filesUrl = (path) => vaultUrl("/files" + encodePath(path));
export const decodePath = (text) => text.split("/").filter((p) => p !== "").map(decodeURIComponent);
export const nodeUri = (path) => `vos://${session.authority}${encodePath(path)}`;
export const browseUrl = (path) => `${base}/browse${encodePath(path) || "/"}`;

// Dialogs: `build(close)` gives the content; the promise has what close was given.
export function dialog(title, build) {
  return new Promise((resolve) => {
    let result = null;
    const box = h("dialog", { "aria-labelledby": "dialog-title" });
    const close = (value = null) => { result = value; box.close(); };
    box.append(h("h1", { id: "dialog-title" }, title), ...[build(close)].flat(Infinity).filter(Boolean));
    box.addEventListener("close", () => { box.remove(); resolve(result); });
    document.body.append(box);
    box.showModal();
    (box.querySelector("[autofocus]") ?? box.querySelector("input,select,button"))?.focus();
  });
}

export function confirmed(title, text, verb) {
  return dialog(title, (close) => [
    h("p", {}, text),
    h("div", { class: "ends" },
      h("button", { onclick: () => close(false) }, t("cancel")),
      h("button", { class: "main", autofocus: true, onclick: () => close(true) }, verb ?? title)),
  ]);
}

// One line of text; `check` gives what is wrong with it, or nothing.
export function asked(title, label, value = "", check = () => "") {
  return dialog(title, (close) => {
    const input = h("input", { type: "text", id: "asked", value, autofocus: true, size: 40 });
    const error = h("p", { class: "error", role: "alert" });
    const end = (event) => {
      event.preventDefault();
      const wrong = input.value === "" ? t("needed") : check(input.value);
      if (wrong) error.textContent = wrong;
      else close(input.value);
    };
    queueMicrotask(() => input.select());
    return h("form", { onsubmit: end },
      h("label", { for: "asked" }, label), input, error,
      h("div", { class: "ends" },
        h("button", { type: "button", onclick: () => close() }, t("cancel")),
        h("button", { class: "main" }, title)));
  });
}

// Sizes and dates

export function size(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (n >= 1000 && at < units.length - 1) { n /= 1000; at++; }
  return `${at === 0 ? n : n.toLocaleString(language(), { maximumFractionDigits: 1 })} ${units[at]}`;
}

const dates = () => new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" });
export const date = (text) => (text ? dates().format(new Date(text.replace(/Z?$/, "Z"))) : "");

// Tasks: what takes a while is shown below whichever page is open.
const tasks = document.getElementById("tasks");
export function task(name) {
  const bar = h("progress", { max: 1, "aria-label": name });
  const state = h("span", { class: "dim" });
  const buttons = h("span", {});
  const line = h("div", { class: "task" }, h("span", { class: "name" }, name), bar, state, buttons);
  const close = () => { line.remove(); tasks.hidden = tasks.childElementCount === 0; };
  tasks.hidden = false;
  tasks.setAttribute("aria-label", t("tasks"));
  tasks.prepend(line);
  const button = (label, act) => buttons.append(h("button", { class: "plain", onclick: act }, label));
  return {
    progress(done, total, text) {
      if (total > 0) { bar.max = total; bar.value = done; } else bar.removeAttribute("value");
      state.textContent = text ?? "";
    },
    button,
    clear() { buttons.replaceChildren(); },
    over(text, cssClass = "good") {
      bar.hidden = true;
      state.className = cssClass;
      state.textContent = text;
      buttons.replaceChildren();
      button(t("dismiss"), close);
      if (cssClass === "good") setTimeout(close, 8000);
    },
  };
}

// Pages

const pages = {
  signin: () => import("./account.js").then((m) => m.signIn),
  register: () => import("./account.js").then((m) => m.register),
  forgot: () => import("./account.js").then((m) => m.forgot),
  renew: () => import("./account.js").then((m) => m.renew),
  account: () => import("./account.js").then((m) => m.account),
  groups: () => import("./groups.js").then((m) => m.groups),
  admin: () => import("./admin.js").then((m) => m.admin),
};

export const home = () => browseUrl(link ? decodePath(link.path) : session.account ? [session.account] : []);

// Only addresses of this page itself are gone to after signing in.
export function ownAddress(text) {
  const url = new URL(text || "/", location.origin);
  return url.origin === location.origin && /^\/(browse|page)(\/|$)/.test(url.pathname)
    ? url.pathname + url.search : "/";
}

let leave, turn = 0;

export async function show() {
  const mine = ++turn;
  let page, argument;
  if (link && (!link.open || link.access === "drop")) {
    page = (await import("./share.js"))[link.open ? "drop" : "open"];
  } else {
    [page, argument] = await pageAt();
  }
  if (mine !== turn) return;
  leave?.();
  main.replaceChildren();
  markPlace();
  try {
    leave = await page(main, argument);
  } catch (fault) {
    failed(main, fault);
  }
}

async function pageAt() {
  const place = () => location.pathname.slice(base.length);
  const [, kind = "", ...rest] = place().split("/");
  if (kind === "browse" || kind === "") {
    if (kind === "") history.replaceState(null, "", home());
    return [(await import("./browse.js")).browse, decodePath(place().slice("/browse".length))];
  }
  return [Object.hasOwn(pages, rest[0]) ? await pages[rest[0]]() : missing];
}

export function go(url, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  return show();
}

function missing(where) {
  where.append(h("div", { class: "page" }, h("h1", {}, t("nothing.here")), h("a", { href: home() }, t("home"))));
}

export function failed(where, fault) {
  const needsName = fault.status === 401;
  if (fault.expired) session.name = null;
  if (needsName) navigation();
  where.append(h("div", { class: "page" },
    h("h1", {}, needsName ? t(fault.expired ? "session.over" : "signin.needed") : t("failed")),
    h("p", { class: "error", role: "alert" }, explain(fault)),
    needsName && !link && h("a", { class: "button", href: signInUrl() }, t("signin"))));
}

export const signInUrl = () => "/page/signin?next=" + encodeURIComponent(location.pathname);

async function signOut() {
  await ask("DELETE", "/account/session");
  location.href = "/";
}

function markPlace() {
  for (const a of document.querySelectorAll("#nav a"))
    a.pathname === location.pathname ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current");
}

function navigation() {
  const to = (href, text) => h("a", { href }, text);
  const languages = h("select", { "aria-label": t("language"), onchange: (e) => setLanguage(e.target.value) },
    LANGUAGES.map(([code, name]) => h("option", { value: code, selected: code === language() }, name)));
  document.getElementById("nav").replaceChildren(...(link ? [h("span", { class: "gap" }), languages] : [
    session.account && to(home(), t("home")),
    to("/browse/", t("all")),
    session.name && to("/page/groups", t("groups")),
    session.admin && to("/page/admin", t("admin")),
    h("span", { class: "gap" }),
    session.name ? to("/page/account", session.account ?? session.name) : to(signInUrl(), t("signin")),
    session.by === "session" && session.name && h("button", { class: "plain", onclick: signOut }, t("signout")),
    languages,
  ]).filter(Boolean));
  document.getElementById("nav").setAttribute("aria-label", t("navigation"));
  document.getElementById("skip").textContent = t("skip");
}

// Links of our own change the page without loading it again.
document.addEventListener("click", (event) => {
  const a = event.target.closest?.("a[href]");
  if (!a || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey ||
      a.target || a.hasAttribute("download") || a.origin !== location.origin ||
      !a.pathname.startsWith(base) || !/^\/($|browse|page)/.test(a.pathname.slice(base.length))) return;
  event.preventDefault();
  go(a.href);
});
document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
window.addEventListener("popstate", show);

document.documentElement.lang = language();
navigation();
show();
