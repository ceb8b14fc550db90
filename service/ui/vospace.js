// SPDX-License-Identifier: Apache-2.0
// The documents of VOSpace 2.1 and UWS 1.1 that this page writes and reads.

import { t } from "./words.js";
import { ask, Fault, h, nodesUrl, nodeUri, vaultUrl } from "./app.js";

const VOS = 'xmlns:vos="http://www.ivoa.net/xml/VOSpace/v2.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="2.1"';
const WAIT_S = 10;

export const PROPERTY = {
  public: "ivo://ivoa.net/vospace/core#ispublic", read: "ivo://ivoa.net/vospace/core#groupread",
  write: "ivo://ivoa.net/vospace/core#groupwrite", locked: "ivo://cadc.nrc.ca/vospace/core#islocked",
  inherits: "ivo://cadc.nrc.ca/vospace/core#inheritPermissions",
};

export const escape = (text) =>
  String(text).replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);

// A property whose value is null is taken away.
export function nodeDocument(path, type, properties = {}, target = null) {
  const lines = Object.entries(properties).map(([uri, value]) => (value === null
    ? `<vos:property uri="${uri}" xsi:nil="true"/>` : `<vos:property uri="${uri}">${escape(value)}</vos:property>`));
  const tail = type === "ContainerNode" ? "<vos:nodes/>" : type === "LinkNode" && target !== null ? `<vos:target>${escape(target)}</vos:target>` : "";
  return `<vos:node ${VOS} uri="${escape(nodeUri(path))}" xsi:type="vos:${type}"><vos:properties>${lines.join("")}</vos:properties>${tail}</vos:node>`;
}

export const createNode = (path, type, target = null) =>
  ask("PUT", nodesUrl(path), { body: nodeDocument(path, type, {}, target), type: "text/xml" });

export const setNode = (path, type, properties) =>
  ask("POST", nodesUrl(path), { body: nodeDocument(path, type, properties), type: "text/xml" });

// Moves, or with `keep` copies: the answer is the job's document.
export const postTransfer = (from, to, keep) => ask("POST", vaultUrl("/transfers?PHASE=RUN"), {
  body: `<vos:transfer ${VOS}><vos:target>${escape(nodeUri(from))}</vos:target><vos:direction>${escape(nodeUri(to))
  }</vos:direction><vos:keepBytes>${keep}</vos:keepBytes></vos:transfer>`,
  type: "text/xml",
});

const read = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/xml");
const textOf = (document, name) => document.getElementsByTagNameNS("*", name)[0]?.textContent ?? "";

const PACKAGE = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0", HTTPS_GET = "ivo://ivoa.net/vospace/core#httpsget";

// Fetch an archive of these nodes by a form, which needs no rights but those to read them.
export function fetchPackage(paths, format) {
  const field = (name, value) => h("input", { type: "hidden", name, value });
  const form = h("form", { method: "post", action: vaultUrl("/synctrans"), hidden: true },
    paths.map((p) => field("TARGET", nodeUri(p))), field("DIRECTION", "pullFromVoSpace"),
    field("PROTOCOL", HTTPS_GET), field("VIEW", PACKAGE), field("RESPONSEFORMAT", format));
  document.body.append(form);
  form.submit();
  setTimeout(() => form.remove()); // one that is gone is not sent
}

// The address of an archive of these nodes, which is made while it is fetched, once.
export async function packageUrl(paths, format) {
  const document = `<vos:transfer ${VOS}>${paths.map((p) => `<vos:target>${escape(nodeUri(p))}</vos:target>`).join("")
  }<vos:direction>pullFromVoSpace</vos:direction><vos:view uri="${PACKAGE}"><vos:param uri="ivo://ivoa.net/vospace/core#format">${format
  }</vos:param></vos:view><vos:protocol uri="${HTTPS_GET}"><vos:securityMethod uri="ivo://ivoa.net/sso#cookie"/></vos:protocol></vos:transfer>`;
  const answer = await ask("POST", vaultUrl("/transfers?PHASE=RUN"), { body: document, type: "text/xml" });
  const url = answer.url.replace(/\?.*/, "");
  for (let job = await read(answer); ; job = await read(await ask("GET", `${url}?WAIT=${WAIT_S}&PHASE=${textOf(job, "phase")}`))) {
    const phase = textOf(job, "phase");
    if (phase === "ERROR" || phase === "ABORTED") throw new Fault(0, textOf(job, "message") || phase);
    if (phase === "SUSPENDED") break; // until it is fetched
  }
  return textOf(await read(await ask("GET", `${url}/results/transferDetails`)), "endpoint");
}

// Until a job has ended; `progress` is a task (app.js), which can then abort it.
export async function followJob(answer, progress) {
  const url = answer.url.replace(/\?.*/, "");
  let job = await read(answer);
  progress?.button(t("abort"), () => ask("POST", `${url}/phase`, { body: "PHASE=ABORT", type: "application/x-www-form-urlencoded" }).catch(() => {}));
  for (;;) {
    const phase = textOf(job, "phase");
    if (["COMPLETED", "ERROR", "ABORTED", "ARCHIVED"].includes(phase)) {
      const message = textOf(job, "message") || phase;
      if (phase === "COMPLETED") progress?.over(t("done"));
      else progress?.over(message, "bad");
      if (phase !== "COMPLETED") throw new Fault(0, message);
      return job;
    }
    progress?.progress(0, 0, phase === "QUEUED" ? t("waiting") : "");
    job = await read(await ask("GET", `${url}?WAIT=${WAIT_S}&PHASE=${phase}`));
  }
}
