// SPDX-License-Identifier: Apache-2.0
// Signing in, asking for an account, and one's own account.

import { t } from "./words.js";
import { ask, askJson, confirmed, date, dialog, explain, failed, form, go, h, ownAddress, say, session, signInUrl } from "./app.js";

const field = (id, label, type, more = {}) =>
  [h("label", { for: id }, label), h("input", { id, name: id, type, ...more })];
const values = (event, ...names) =>
  Object.fromEntries(names.map((n) => [n, event.target.elements[n].value]));

// A form that does `act` and shows what went wrong below its fields.
function acting(content, verb, act, { main = true } = {}) {
  const error = h("p", { class: "error", role: "alert" }), button = h("button", { class: main ? "main" : undefined }, verb);
  return h("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      error.textContent = "";
      button.disabled = true;
      try {
        await act(event);
      } catch (fault) {
        error.textContent = explain(fault);
      }
      button.disabled = false;
    },
  }, content, error, h("p", {}, button));
}

// The whole page is loaded again: nothing of whoever sat here before is left in it.
const enter = () => { location.href = ownAddress(new URLSearchParams(location.search).get("next")); };

export function signIn(where) {
  document.title = `${t("signin")} – Quartet`;
  where.append(h("div", { class: "narrow" }, h("h1", {}, t("signin")),
    acting([field("username", t("username"), "text", { autocomplete: "username", required: true, autofocus: true }),
      field("password", t("password"), "password", { autocomplete: "current-password", required: true })],
    t("signin"), async (event) => {
      await ask("POST", "/account/session", form(values(event, "username", "password")));
      enter();
    }),
    new URLSearchParams(location.search).has("openid") && h("p", { class: "error", role: "alert" },
      t(new URLSearchParams(location.search).get("openid") === "away" ? "openid.away" : "openid.refused", { name: session.openid })),
    session.openid && h("p", {}, h("a", {
      class: "button", href: "/account/openid?next=" + encodeURIComponent(ownAddress(new URLSearchParams(location.search).get("next"))),
    }, t("signin.openid", { name: session.openid }))),
    session.by === "certificate" && h("div", { class: "card" }, h("p", {}, t("signin.certificate", { name: session.name })),
      acting([], t("signin.by.certificate"), async () => {
        await ask("POST", "/account/session", form({}));
        enter();
      }, { main: false })),
    session.letters && h("p", {}, h("a", { href: "/page/forgot" }, t("forgot"))),
    session.registration !== "off" && h("p", {}, h("a", { href: "/page/register" }, t("register")))));
  document.getElementById("username").focus();
}

// A letter with an address where a new password is set.
export function forgot(where) {
  document.title = `${t("forgot")} – Quartet`;
  const page = h("div", { class: "narrow" }, h("h1", {}, t("forgot")), h("p", {}, t("forgot.what")),
    acting([field("username", t("username"), "text", { autocomplete: "username", required: true, autofocus: true })],
      t("forgot.send"), async (event) => {
        await ask("POST", "/account/forgot", form(values(event, "username")));
        page.replaceChildren(h("h1", {}, t("forgot")), h("p", { role: "status" }, t("forgot.sent")));
      }));
  where.append(page);
}

export function renew(where) {
  document.title = `${t("password.new")} – Quartet`;
  const token = location.hash.slice(1);
  const page = h("div", { class: "narrow" }, h("h1", {}, t("password.new")), token === "" ? h("p", { class: "error" }, t("link.part"))
    : acting([field("password", t("password.new"), "password", { autocomplete: "new-password", required: true, minlength: 8, autofocus: true })],
      t("save"), async (event) => {
        await ask("POST", "/account/renew", form({ token, ...values(event, "password") }));
        history.replaceState(null, "", location.pathname);
        page.replaceChildren(h("h1", {}, t("password.new")), h("p", { role: "status" }, t("done")),
          h("a", { class: "button", href: "/page/signin" }, t("signin")));
      }));
  where.append(page);
}

export function register(where) {
  document.title = `${t("register")} – Quartet`;
  if (session.registration === "off") {
    where.append(h("div", { class: "narrow" }, h("h1", {}, t("register")), h("p", {}, t("register.off"))));
    return;
  }
  const page = h("div", { class: "narrow" }, h("h1", {}, t("register")),
    session.registration === "approval" && h("p", {}, t("register.approval")),
    acting([field("username", t("username"), "text", { autocomplete: "username", required: true, pattern: "[a-z][a-z0-9._\\-]{0,31}", title: t("username.rule") }),
      h("p", { class: "dim" }, t("username.rule")),
      field("display", t("display"), "text", { autocomplete: "name", maxlength: 200 }),
      field("email", t("email"), "email", { autocomplete: "email", maxlength: 200 }),
      field("password", t("password"), "password", { autocomplete: "new-password", required: true, minlength: 8 })],
    t("register"), async (event) => {
      const wish = values(event, "username", "display", "email", "password");
      const { state } = await askJson("POST", "/account/register", form(wish));
      if (state === "pending") {
        page.replaceChildren(h("h1", {}, t("register")), h("p", { role: "status" }, t("register.pending", { name: wish.username })));
        return;
      }
      await ask("POST", "/account/session", form({ username: wish.username, password: wish.password }));
      location.href = "/";
    }));
  where.append(page);
}

function tokenTable(tokens, again) {
  if (tokens.length === 0) return h("p", { class: "dim" }, t("tokens.none"));
  return h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, ["token.kind", "token.label", "token.reach", "token.made", "token.ends", "actions"].map((k) => h("th", { scope: "col" }, t(k))))),
    h("tbody", {}, tokens.map((one) => h("tr", {},
      h("td", {}, t("token." + one.kind)), h("td", {}, one.current ? t("token.this") : one.label),
      h("td", {}, t(one.access === "read" ? "token.reads" : "token.writes"), one.path ? ` ${decodeURIComponent(one.path)}` : ""),
      h("td", {}, date(one.created)), h("td", {}, date(one.expires)),
      h("td", {}, h("button", {
        class: "danger", "aria-label": t("token.revoke.one", { label: one.label || one.kind }),
        onclick: () => ask("DELETE", `/account/tokens/${one.id}`).then(again, (f) => say(explain(f))),
      }, t("revoke"))))))));
}

function linkTable(links, again) {
  if (links.length === 0) return h("p", { class: "dim" }, t("links.none"));
  return h("div", { class: "scroll" }, h("table", { class: "plain" },
    h("thead", {}, h("tr", {}, ["share.label", "share.to", "share.access", "share.uses", "token.ends", "actions"].map((k) => h("th", { scope: "col" }, t(k))))),
    h("tbody", {}, links.map((one) => h("tr", {},
      h("td", {}, one.label), h("td", {}, decodeURIComponent(one.path)),
      h("td", {}, t(`share.${one.access}`), one.password && h("span", { class: "mark" }, t("password"))),
      h("td", {}, one.count ? `${one.uses} / ${one.count}` : one.uses), h("td", {}, date(one.expires)),
      h("td", {}, h("button", {
        class: "danger", "aria-label": t("token.revoke.one", { label: one.label || decodeURIComponent(one.path) }),
        onclick: () => ask("DELETE", `/account/links/${one.id}`).then(again, (f) => say(explain(f))),
      }, t("revoke"))))))));
}

const shown = (made) => dialog(t("token.new"), (close) => [
  h("p", {}, t("token.once")),
  h("pre", { tabindex: "0", id: "token-text" }, made.token),
  h("p", {}, h("code", {}, "vls --token TOKEN vos:…")),
  h("div", { class: "ends" },
    h("button", { onclick: () => navigator.clipboard.writeText(made.token).then(() => say(t("copied"))) }, t("copy.text")),
    h("button", { class: "main", onclick: () => close() }, t("close")))]);

export async function account(where) {
  document.title = `${t("account")} – Quartet`;
  if (!session.account) {
    if (session.name) { // known by a certificate of nobody here
      where.append(h("div", { class: "page" }, h("h1", {}, session.name), h("p", {}, t("account.none"))));
      return;
    }
    go(signInUrl(), { replace: true });
    return;
  }
  let own;
  try {
    own = await askJson("GET", "/account");
  } catch (fault) {
    failed(where, fault);
    return;
  }
  const tokens = h("div", {});
  const again = async () => tokens.replaceChildren(tokenTable(await askJson("GET", "/account/tokens"), again));
  const links = h("div", {});
  const linksAgain = async () => links.replaceChildren(linkTable(await askJson("GET", "/account/links"), linksAgain));
  where.append(h("div", { class: "page" },
    h("h1", {}, own.display || own.account),
    h("dl", { class: "facts" }, h("dt", {}, t("username")), h("dd", {}, own.account),
      h("dt", {}, t("identities")), h("dd", {}, own.dns.map((dn) => h("div", {}, h("code", {}, dn))))),
    h("section", { class: "card" }, h("h2", {}, t("about.you")),
      acting([field("display", t("display"), "text", { value: own.display, maxlength: 200 }), field("email", t("email"), "email", { value: own.email, maxlength: 200 })],
        t("save"), async (event) => { await ask("POST", "/account", form(values(event, "display", "email"))); say(t("done")); }, { main: false })),
    h("section", { class: "card" }, h("h2", {}, t("password.change")),
      acting([own.password && field("old", t("password.old"), "password", { autocomplete: "current-password", required: true }),
        field("password", t("password.new"), "password", { autocomplete: "new-password", required: true, minlength: 8 })],
      t("password.change"), async (event) => {
        await ask("POST", "/account", form(values(event, ...(own.password ? ["old"] : []), "password")));
        event.target.reset();
        say(t("done"));
      }, { main: false })),
    session.certificates && h("section", { class: "card" }, h("h2", {}, t("certificate")), h("p", {}, t("certificate.what")),
      h("p", {}, h("a", { class: "button", href: "/cred/proxyCert", download: "cadcproxy.pem" }, t("certificate.get"))),
      h("p", {}, h("code", {}, `cadc-get-cert --host ${location.host} -u ${own.account}`))),
    h("section", { class: "card" }, h("h2", {}, t("tokens")), tokens,
      acting([h("div", { class: "row" }, h("span", {}, field("label", t("token.label"), "text", { maxlength: 200, required: true })),
        h("span", {}, field("days", t("token.days"), "number", { min: 1, value: 90 })),
        h("span", {}, h("label", { for: "access" }, t("token.reach")), h("select", { id: "access", name: "access" },
          h("option", { value: "write" }, t("token.writes")), h("option", { value: "read" }, t("token.reads")))),
        h("span", {}, field("path", t("token.path"), "text", { placeholder: `/${own.account}/…` })))],
      t("token.new"), async (event) => {
        const wish = values(event, "label", "days", "access", "path");
        if (wish.path) wish.path = wish.path.split("/").map(encodeURIComponent).join("/");
        else delete wish.path;
        await shown(await askJson("POST", "/account/tokens", form(wish)));
        event.target.reset();
        await again();
      }, { main: false })),
    h("section", { class: "card" }, h("h2", {}, t("links")), h("p", { class: "dim" }, t("links.how")), links),
    h("section", { class: "card" }, h("h2", {}, t("revoke.all")), h("p", {}, t("revoke.all.what")),
      h("button", {
        class: "danger", onclick: async () => {
          if (!await confirmed(t("revoke.all"), t("revoke.all.what"), t("revoke"))) return;
          await ask("POST", "/account", form({ revoke: "yes" })).catch((f) => say(explain(f)));
          location.href = "/page/signin";
        },
      }, t("revoke.all")))));
  await again();
  await linksAgain();
}
