// SPDX-License-Identifier: Apache-2.0
// Groups: those one is in, owns or administers; their members and administrators.

import { t } from "./words.js";
import { ask, asked, confirmed, explain, failed, h, say, session } from "./app.js";
import { escape } from "./vospace.js";

const PARTS = ["userMembers", "groupMembers", "userAdmins", "groupAdmins"];
const groupUrl = (name) => `/gms/groups/${encodeURIComponent(name)}`;

const parse = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/xml").documentElement;
const childOf = (element, name) => [...element.children].find((c) => c.localName === name);
const nameIn = (group) => group.getAttribute("uri").replace(/^[^?]*\?/, "");

function person(user) {
  const ids = [...user.getElementsByTagNameNS("*", "identity")];
  const by = (type) => ids.find((i) => i.getAttribute("type") === type)?.textContent;
  return by("HTTP") ?? by("X500") ?? "?";
}

// A group's document as this page uses it.
function read(group) {
  const owner = childOf(group, "owner");
  const one = {
    name: nameIn(group), owner: owner ? person(owner) : "", description: childOf(group, "description")?.textContent ?? "",
  };
  for (const part of PARTS)
    one[part] = [...(childOf(group, part)?.children ?? [])].map((m) => (m.localName === "group" ? nameIn(m) : person(m)));
  return one;
}

function write(group) {
  const person = (name) => `<user><identities><identity type="${name.includes("=") ? "X500" : "HTTP"}">${escape(name)}</identity></identities></user>`;
  const parts = PARTS.map((part) => `<${part}>${group[part].map((name) =>
    (part.startsWith("user") ? person(name) : `<group uri="${escape(session.group_prefix + name)}"/>`)).join("")}</${part}>`);
  return `<group uri="${escape(session.group_prefix + group.name)}"><description>${escape(group.description)}</description>${parts.join("")}</group>`;
}

async function listed() {
  const roles = new Map();
  for (const role of ["owner", "admin", "member"]) {
    const groups = await parse(await ask("GET", `/gms/search?role=${role}`));
    for (const group of groups.children) {
      const name = nameIn(group);
      roles.set(name, [...(roles.get(name) ?? []), role]);
    }
  }
  return [...roles].sort(([a], [b]) => a.localeCompare(b));
}

export async function groups(where) {
  document.title = `${t("groups")} – Quartet`;
  const page = h("div", { class: "page" });
  where.append(page);
  const safely = (act) => act().catch((fault) => say(explain(fault)));

  async function show(name) {
    const answer = await ask("GET", groupUrl(name));
    const group = read(await parse(answer));
    const save = async () => {
      await ask("POST", groupUrl(name), { body: write(group), type: "text/xml" });
      await show(name);
    };
    const part = (key) => h("section", { class: "card" }, h("h2", {}, t("group." + key)),
      group[key].length === 0 && h("p", { class: "dim" }, t("nobody")),
      h("ul", { class: "chips" }, group[key].map((one) => h("li", {}, one,
        h("button", { class: "plain", "aria-label": t("group.drop", { name: one }), onclick: () => safely(async () => { group[key] = group[key].filter((o) => o !== one); await save(); }) }, "✕")))),
      h("button", {
        onclick: () => safely(async () => {
          const one = await asked(t("add"), t(key.startsWith("user") ? "username.or.dn" : "group.name"));
          if (one) { group[key].push(one.trim()); await save(); }
        }),
      }, t("add")));
    page.replaceChildren(
      h("p", {}, h("button", { onclick: () => safely(all) }, `← ${t("groups")}`)),
      h("h1", {}, name), h("p", {}, t("group.owned", { owner: group.owner })),
      h("p", {}, group.description, " ", h("button", {
        class: "plain", onclick: () => safely(async () => {
          const text = await asked(t("group.description"), t("group.description"), group.description);
          if (text !== null) { group.description = text; await save(); }
        }),
      }, t("edit"))),
      ...PARTS.map(part),
      h("p", {}, h("button", {
        class: "danger", onclick: () => safely(async () => {
          if (!await confirmed(t("group.remove"), t("group.remove.sure", { name }), t("delete"))) return;
          await ask("DELETE", groupUrl(name));
          await all();
        }),
      }, t("group.remove"))));
  }

  async function all() {
    const found = await listed();
    page.replaceChildren(h("h1", {}, t("groups")), h("p", {}, t("groups.what")),
      h("p", {}, h("button", {
        class: "main", onclick: () => safely(async () => {
          const name = await asked(t("group.new"), t("group.name"));
          if (!name) return;
          await ask("PUT", "/gms/groups", { body: write({ name, description: "", userMembers: [], groupMembers: [], userAdmins: [], groupAdmins: [] }), type: "text/xml" });
          await show(name);
        }),
      }, t("group.new"))),
      found.length === 0 ? h("p", { class: "dim" }, t("groups.none")) : h("div", { class: "scroll" }, h("table", { class: "plain" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("group.name")), h("th", { scope: "col" }, t("role")), h("th", { scope: "col" }, t("actions")))),
        h("tbody", {}, found.map(([name, roles]) => h("tr", {}, h("td", {}, name), h("td", {}, roles.map((r) => t("role." + r)).join(", ")),
          h("td", {}, h("button", { "aria-label": `${t("open")} ${name}`, onclick: () => safely(() => show(name)) }, t("open")))))))));
  }

  await all().catch((fault) => failed(page, fault));
}
