// SPDX-License-Identifier: Apache-2.0
// A FITS file: its headers, and cutouts by pixels and by a circle on the sky.

import { t } from "./words.js";
import { ask, dialog, explain, filesUrl, h } from "./app.js";

// The cards of every header: one a line, each header ends with END.
function readHeaders(text) {
  const hdus = [];
  let cards = [];
  for (const card of text.split("\n").map((line) => line.trimEnd())) {
    if (card === "" && cards.length === 0) continue;
    cards.push(card);
    if (card === "END") {
      hdus.push(cards);
      cards = [];
    }
  }
  if (cards.length > 0) hdus.push(cards);
  return hdus;
}

const valueOf = (cards, key) => cards.find((c) => c.startsWith(key.padEnd(8) + "="))?.slice(10).replace(/\/.*/, "").replaceAll("'", "").trim();

export function fits(path) {
  return dialog(`${t("fits")}: ${path.at(-1)}`, (close) => {
    const where = h("select", { id: "fits-hdu" }), cards = h("pre", { tabindex: "0" }), error = h("p", { class: "error", role: "alert" });
    const filter = h("input", { type: "search", "aria-label": t("filter"), placeholder: t("filter") });
    let hdus = [];
    const draw = () => {
      const wanted = filter.value.toUpperCase();
      cards.textContent = (hdus[where.value] ?? []).filter((c) => c.toUpperCase().includes(wanted)).join("\n");
    };
    where.addEventListener("change", draw);
    filter.addEventListener("input", draw);
    ask("GET", `${filesUrl(path)}?META=true`).then((a) => a.text()).then((text) => {
      hdus = readHeaders(text);
      where.append(...hdus.map((c, i) => {
        const axes = Array.from({ length: Number(valueOf(c, "NAXIS")) || 0 }, (_, n) => valueOf(c, `NAXIS${n + 1}`)).join(" × ");
        return h("option", { value: i }, `[${i}] ${valueOf(c, "EXTNAME") ?? ""} ${axes}`);
      }));
      draw();
    }).catch((fault) => { error.textContent = explain(fault); });

    const ranges = h("input", { type: "text", id: "fits-ranges", value: "1:100,1:100", size: 18 });
    const get = (query) => {
      const a = h("a", { href: `${filesUrl(path)}?${query}`, download: true });
      document.body.append(a);
      a.click();
      a.remove();
    };
    // Asked first without the bytes, so that a refusal is read here and not found in a file.
    const cut = async (query, refused) => {
      error.textContent = "";
      try {
        await ask("HEAD", `${filesUrl(path)}?${query}`);
        get(query);
      } catch (fault) {
        error.textContent = fault.status === 400 ? t(refused) : explain(fault);
      }
    };
    const circle = h("input", { type: "text", id: "fits-circle", placeholder: "10.5 -20.25 0.01", size: 24 });
    return [
      h("div", { class: "row" }, h("label", { class: "inline", for: "fits-hdu" }, t("fits.hdu")), where, filter), cards,
      h("h2", {}, t("fits.cutout")),
      h("form", { class: "row", onsubmit: (e) => { e.preventDefault(); cut(new URLSearchParams({ SUB: `[${where.value || 0}][${ranges.value}]` }), "fits.outside"); } },
        h("label", { class: "inline", for: "fits-ranges" }, t("fits.pixels")), ranges, h("button", {}, t("fits.cut"))),
      h("form", { class: "row", onsubmit: (e) => { e.preventDefault(); cut(new URLSearchParams({ CIRCLE: circle.value.replaceAll(",", " ") }), "fits.nowhere"); } },
        h("label", { class: "inline", for: "fits-circle" }, t("fits.circle")), circle, h("button", {}, t("fits.cut.circle"))),
      error,
      h("div", { class: "ends" }, h("button", { class: "main", onclick: () => close() }, t("close"))),
    ];
  });
}
