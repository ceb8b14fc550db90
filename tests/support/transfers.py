# SPDX-License-Identifier: Apache-2.0
"""Transfer documents, and jobs made of them, as clients post them."""

import xml.etree.ElementTree as ET

from quartet_test import VOS

CORE = "ivo://ivoa.net/vospace/core#"
BY_TLS = "ivo://ivoa.net/sso#tls-with-certificate"
UWS = "http://www.ivoa.net/xml/UWS/v1.0"
XLINK = "http://www.w3.org/1999/xlink"
XML = {"Content-Type": "text/xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def protocol(name, *methods):
    inner = "".join(f'<vos:securityMethod uri="{m}"/>' for m in methods)
    return f'<vos:protocol uri="{CORE}{name}">{inner}</vos:protocol>'


def transfer(target, direction, *protocols, view="", keep=None, more=""):
    keep = "" if keep is None else f"<vos:keepBytes>{keep}</vos:keepBytes>"
    return (f'<vos:transfer xmlns:vos="{VOS}" version="2.1"><vos:target>{target}</vos:target>'
            f'<vos:direction>{direction}</vos:direction>{view}{"".join(protocols)}{keep}{more}'
            f'</vos:transfer>')


class Negotiated:
    """A synchronous negotiation as vos makes it: the chain, then the job's phase and error."""

    def __init__(self, bed, user, document):
        self.posted = bed.ask("POST", "/synctrans", user, document, XML)
        self.hops = [self.posted.headers["Location"]]
        answer = bed.ask("GET", self.hops[0], user)
        while answer.status == 303:
            self.hops.append(answer.headers["Location"])
            answer = bed.ask("GET", self.hops[-1], user)
        self.details = answer
        job = self.hops[-1].replace("xfer", "transfers")
        self.phase = bed.ask("GET", job + "/phase", user).body.decode()
        self.error = bed.ask("GET", job + "/error", user)
        self.job = ET.fromstring(bed.ask("GET", job, user).body)

    @property
    def endpoints(self):
        """(endpoint, security method or None), in order."""
        root = ET.fromstring(self.details.body)
        found = []
        for p in root.iter(f"{{{VOS}}}protocol"):
            method = p.find(f"{{{VOS}}}securityMethod")
            found.append((p.findtext(f"{{{VOS}}}endpoint"),
                          None if method is None else method.get("uri")))
        return found


class TransferJobs:
    """For test cases with a testbed in self.bed."""

    def job(self, document, user="alice"):
        made = self.bed.ask("POST", "/transfers", user, document, XML)
        self.assertEqual(made.status, 303, made.body)
        return made.headers["Location"]

    def run_job(self, url, user="alice"):
        self.assertEqual(self.bed.ask("GET", url + "/phase", user).body, b"PENDING")
        ran = self.bed.ask("POST", url + "/phase", user, "PHASE=RUN", FORM)
        self.assertEqual((ran.status, ran.headers["Location"]), (303, url))
        return ET.fromstring(self.bed.ask("GET", url + "?WAIT=5", user).body)

    def relocate(self, source, destination, user="alice", keep="false"):
        url = self.job(transfer(self.bed.uri(source), self.bed.uri(destination), keep=keep), user)
        job = self.run_job(url, user)
        self.assertIn(job.findtext(f"{{{UWS}}}phase"), ("COMPLETED", "ERROR"))
        error = self.bed.ask("GET", url + "/error", user)
        results = [(r.get("id"), r.get(f"{{{XLINK}}}href")) for r in job.iter(f"{{{UWS}}}result")]
        return (job.findtext(f"{{{UWS}}}phase"), results,
                error.body.decode() if error.status == 200 else None,
                job.findtext(f"{{{UWS}}}errorSummary/{{{UWS}}}message"))
