// SPDX-License-Identifier: Apache-2.0
// For administrators: accounts, allocations with their quota, and how the service is.

import { t } from "./words.js";
import { ask, asked, askJson, browseUrl, confirmed, date, dialog, explain, failed, form, h, say, session, size, task, vaultUrl } from "./app.js";
import { readNode } from "./browse.js";
import { createNode, followJob } from "./vospace.js";

const UNITS = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

// "5 GB" as bytes, null when it is no size.
function bytes(text) {
  const found = /^\s*([\d.]+)\s*([kmgtp]?)b?\s*$/i.exec(text);
  return found ? Math.round(Number(found[1]) * UNITS[found[2].toLowerCase()]) : null;
}

const table = (head, rows) => h("div", { class: "scroll" }, h("table", { class: "plain" },
  h("thead", {}, h("tr", {}, head.map((k) => h("th", { scope: "col" }, t(k))))), h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((c) => h("td", {}, c)))))));

export async function admin(where) {
  document.title = `${t("admin")} – Quartet`;
  const page = h("div", { class: "page" });
  where.append(page);
  const safely = (act) => act().catch((fault) => say(explain(fault)));

  const users = h("section", { class: "card" }), spaces = h("section", { class: "card" }), health = h("section", { class: "card" });
  page.append(h("h1", {}, t("admin")), health, users, spaces);

  async function change(name, fields) {
    await ask("POST", `/manage/users/${encodeURIComponent(name)}`, form(fields));
    await showUsers();
  }

  async function addUser() {
    const wish = await dialog(t("user.add"), (close) => h("form", {
      onsubmit: (e) => { e.preventDefault(); close({ name: e.target.elements["user-name"].value, password: e.target.elements["user-password"].value }); },
    }, h("label", { for: "user-name" }, t("username")), h("input", { type: "text", id: "user-name", required: true, autofocus: true }),
    h("label", { for: "user-password" }, t("password")), h("input", { type: "password", id: "user-password", minlength: 8, required: true, autocomplete: "new-password" }),
    h("div", { class: "ends" }, h("button", { type: "button", onclick: () => close() }, t("cancel")), h("button", { class: "main" }, t("user.add")))));
    if (!wish) return;
    await ask("POST", "/manage/users", form({ name: wish.name, password: wish.password, home: "yes" }));
    await showUsers();
    await showSpaces();
  }

  // What is somebody's who leaves, as one job.
  async function handOver(user, others) {
    const from = user.name;
    const to = await dialog(`${t("hand.over")}: ${from}`, (close) => h("form", {
      onsubmit: (e) => { e.preventDefault(); close(e.target.elements["hand-over-to"].value); },
    }, h("p", {}, t("hand.over.what", { name: from })),
    user.state === "active" && h("p", { class: "warn" }, t("hand.over.active", { name: from })),
    h("label", { for: "hand-over-to" }, t("hand.over.to")),
    h("select", { id: "hand-over-to", autofocus: true }, others.map((o) => h("option", { value: o.name }, o.display ? `${o.name} (${o.display})` : o.name))),
    h("div", { class: "ends" }, h("button", { type: "button", onclick: () => close() }, t("cancel")), h("button", { class: "main" }, t("hand.over")))));
    if (!to || !await confirmed(t("hand.over"), t("hand.over.sure", { from, to }), t("hand.over"))) return;
    const { id } = await askJson("POST", "/manage/hand-over", form({ from, to }));
    await followJob(await ask("GET", vaultUrl(`/async-hand-over/${id}`)), task(`${t("hand.over")}: ${from} → ${to}`));
    const { nodes, groups } = await askJson("GET", `/manage/hand-over/${id}`);
    say(t("hand.over.done", { to, nodes, groups }));
    await showSpaces();
  }

  async function showUsers() {
    const list = await askJson("GET", "/manage/users");
    list.sort((a, b) => (b.state === "pending") - (a.state === "pending") || a.name.localeCompare(b.name));
    const act = (user, key, fields, css) => h("button", { class: css, "aria-label": `${t(key)}: ${user.name}`, onclick: () => safely(() => change(user.name, fields)) }, t(key));
    const takers = (user) => list.filter((o) => o.state === "active" && o.name !== user.name);
    users.replaceChildren(h("h2", {}, t("users")), h("p", {}, h("button", { onclick: () => safely(addUser) }, t("user.add"))),
      table(["username", "display", "state", "actions"], list.map((u) => [
        u.name, [u.display, u.email && h("div", { class: "dim" }, u.email)].filter(Boolean), t("state." + u.state),
        h("div", { class: "row" }, ...[
          u.state !== "active" && act(u, u.state === "pending" ? "approve" : "enable", { state: "active" }, "main"),
          u.state !== "disabled" && u.name !== session.account && act(u, "disable", { state: "disabled" }, "danger"),
          h("button", {
            "aria-label": `${t("revoke")}: ${u.name}`, onclick: () => safely(async () => {
              if (await confirmed(t("revoke.all"), t("revoke.other", { name: u.name }), t("revoke"))) await change(u.name, { revoke: "yes" });
            }),
          }, t("revoke")),
          u.state !== "pending" && takers(u).length > 0 && h("button", {
            "aria-label": `${t("hand.over")}: ${u.name}`, onclick: () => safely(() => handOver(u, takers(u))),
          }, t("hand.over")),
        ].filter(Boolean)),
      ])));
  }

  async function showSpaces() {
    const json = await askJson("GET", "/vault/nodes?limit=10000");
    const nodes = (json["vos:node"]["vos:nodes"]?.$ ?? []).map((c) => readNode(c.node)).filter((n) => n.type === "ContainerNode");
    const setQuota = async (name) => {
      const text = await asked(t("quota.set"), t("quota.how", { name }), "", (v) => (v === "none" || bytes(v) !== null ? "" : t("size.wrong")));
      if (!text) return;
      await ask("POST", "/manage/quota", form({ path: "/" + encodeURIComponent(name), bytes: text === "none" ? "none" : String(bytes(text)) }));
      await showSpaces();
    };
    spaces.replaceChildren(h("h2", {}, t("allocations")), h("p", {}, h("button", {
      onclick: () => safely(async () => {
        const name = await asked(t("allocation.add"), t("name"));
        if (name) { await createNode([name], "ContainerNode"); await showSpaces(); }
      }),
    }, t("allocation.add"))),
    table(["name", "owner", "size", "quota", "actions"], nodes.map((n) => [
      h("a", { href: browseUrl([n.name]) }, n.name), n.owner ?? "", size(n.size), n.quota === null ? "–" : size(n.quota),
      h("button", { "aria-label": `${t("quota.set")}: ${n.name}`, onclick: () => safely(() => setQuota(n.name)) }, t("quota.set"))])));
  }

  async function showHealth() {
    const [now, scrub, repair] = await Promise.all([askJson("GET", "/manage/health"), askJson("GET", "/manage/scrub"), askJson("GET", "/manage/repair")]);
    const css = ["good", "warn", "bad"][now.code] ?? "warn";
    health.replaceChildren(h("h2", {}, t("health")), h("p", { class: css, role: "status" }, `${now.status} ${now.notes.join("; ")}`),
      table(["location", "state", "free", "missing", "scrub.deep", "scrub.oldest"], now.locations.map((l, i) => [
        String(l.number), h("span", { class: l.state === "online" ? "good" : "bad" }, `${l.state} ${l.reason}`),
        `${size(l.free_bytes)} / ${size(l.total_bytes)}`, String(l.missing),
        `${scrub.locations[i].deep.state} ${scrub.locations[i].deep.done} / ${scrub.locations[i].deep.total}`,
        date(scrub.locations[i].deep.oldest)])),
      h("dl", { class: "facts" }, h("dt", {}, t("repair")), h("dd", {}, t("repair.due", { state: repair.state, n: repair.due })),
        h("dt", {}, t("files")), h("dd", {}, t("store.facts", { nodes: now.store.nodes, files: now.store.blobs, lost: now.store.blobs_lost }))),
      h("button", { onclick: () => safely(showHealth) }, t("refresh")));
  }

  try {
    await showHealth();
    await showUsers();
    await showSpaces();
  } catch (fault) {
    failed(page, fault);
  }
}
