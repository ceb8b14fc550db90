# SPDX-License-Identifier: Apache-2.0
"""Requests as the OpenCADC Java clients send them: documents with CRLF, node PUTs chunked and without `Expect`, a
trailing slash on containers, checksums as Digest; answers read with the strictness of its readers."""

import base64
import contextlib
import hashlib
import urllib.parse
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

from quartet_test import CORE, VOS, XSI, Answer
from transfers import UWS, XLINK

CADC = "ivo://cadc.nrc.ca/vospace/core#"
BY_CERTIFICATE = "ivo://ivoa.net/sso#tls-with-certificate"
XML_TYPE, TEXT_TYPE = "text/xml", "text/plain"


@dataclass
class Node:
    """What the reader makes of a document, and the writer a document of. Equal as nodes are: by name and kind."""
    kind: str
    name: str
    properties: dict = field(default_factory=dict, compare=False)  # value None: to be deleted
    public: bool = field(default=None, compare=False)
    locked: bool = field(default=None, compare=False)
    inherits: bool = field(default=None, compare=False)
    read: list = field(default_factory=list, compare=False)
    write: list = field(default_factory=list, compare=False)
    target: str = field(default=None, compare=False)
    nodes: list = field(default_factory=list, compare=False)
    uri: str = field(default=None, compare=False)

    def document(self, uri):
        fields = {CORE + "ispublic": self.public, CADC + "islocked": self.locked,
                  CADC + "inheritPermissions": self.inherits}
        values = {name: str(value).lower() for name, value in fields.items() if value is not None}
        groups = {CORE + "groupread": " ".join(self.read), CORE + "groupwrite": " ".join(self.write)}
        values |= {name: value for name, value in groups.items() if value}
        lines = ['<?xml version="1.0" encoding="UTF-8"?>',
                 f'<vos:node xmlns:vos="{VOS}" xmlns:xsi="{XSI}" uri={quoteattr(uri)} xsi:type="vos:{self.kind}"'
                 + (' busy="false">' if self.kind == "DataNode" else ">"), "  <vos:properties>"]
        for name, value in sorted((values | self.properties).items()):
            lines.append(f'    <vos:property uri={quoteattr(name)} xsi:nil="true" />' if value is None else
                         f'    <vos:property uri={quoteattr(name)}>{escape(value)}</vos:property>')
        lines.append("  </vos:properties>")
        lines += {"ContainerNode": ["  <vos:nodes />"], "DataNode": ["  <vos:accepts />", "  <vos:provides />"],
                  "LinkNode": [f"  <vos:target>{escape(self.target or '')}</vos:target>"]}[self.kind]
        return "\r\n".join(lines + ["</vos:node>", ""]).encode()

    @classmethod
    def read_document(cls, element):
        """Strict: no namespace but the one, a type, nodes in a container, each property once."""
        assert element.tag == f"{{{VOS}}}node", element.tag
        prefix, _, kind = element.get(f"{{{XSI}}}type").partition(":")
        assert prefix == "vos"
        node = cls(kind, element.get("uri").rstrip("/").rpartition("/")[2], uri=element.get("uri"))
        for p in element.findall(f"{{{VOS}}}properties/{{{VOS}}}property"):
            assert p.get("uri") not in node.properties, p.get("uri")
            node.properties[p.get("uri")] = p.text or ""

        def flag(name):
            value = node.properties.pop(name, None)
            return None if value is None else value == "true"
        node.public, node.locked = flag(CORE + "ispublic"), flag(CADC + "islocked")
        node.inherits = flag(CADC + "inheritPermissions")
        node.read, node.write = (node.properties.pop(CORE + n, "").split() for n in ("groupread", "groupwrite"))
        if kind == "LinkNode":
            node.target = element.findtext(f"{{{VOS}}}target")
        if kind == "ContainerNode":
            children = element.find(f"{{{VOS}}}nodes")
            assert children is not None, "a container without nodes"
            node.nodes = [cls.read_document(child) for child in children]
        return node


@dataclass
class Job:
    phase: str
    results: dict
    error: str

    @classmethod
    def read_document(cls, text):
        root = ET.fromstring(text)
        assert root.tag == f"{{{UWS}}}job", root.tag
        names = [child.tag.removeprefix(f"{{{UWS}}}") for child in root]
        order = ["jobId", "runId", "ownerId", "phase", "quote", "creationTime", "startTime", "endTime",
                 "executionDuration", "destruction", "parameters", "results", "errorSummary", "jobInfo"]
        assert names == [n for n in order if n in names], names
        assert set(order) - set(names) <= {"runId", "errorSummary", "jobInfo"}, names
        return cls(root.findtext(f"{{{UWS}}}phase"),
                   {r.get("id"): r.get(f"{{{XLINK}}}href") for r in root.iter(f"{{{UWS}}}result")},
                   root.findtext(f"{{{UWS}}}errorSummary/{{{UWS}}}message"))


def digest(data):
    return "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()


class Client:
    """One test client for a testbed; `user` None is anonymous."""

    def __init__(self, bed):
        self.bed = bed

    def send(self, method, url, user, body=None, headers=None, chunked=False):
        """One request, redirects not followed."""
        if not chunked:
            return self.bed.ask(method, url, user, body, headers)
        parts = urllib.parse.urlsplit(url)
        with contextlib.closing(self.bed.connect(user)) as connection:
            connection.request(method, parts.path + ("?" + parts.query if parts.query else ""),
                               body=iter([body]), headers=headers or {}, encode_chunked=True)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def follow(self, method, url, user):
        answer = self.send(method, url, user)
        for _ in range(5):
            if answer.status not in (301, 302, 303):
                return answer
            answer = self.send("HEAD" if method == "HEAD" else "GET", answer.headers["Location"], user)
        raise AssertionError("too many redirects")

    def capability(self, standard):
        """The first interface of a capability, as a client without credentials takes it."""
        root = ET.fromstring(self.bed.ask("GET", "/capabilities").body)
        for capability in root:
            if capability.get("standardID") == standard:
                return capability.find("interface/accessURL").text
        raise AssertionError(f"no capability {standard}")


def transfer_document(targets, direction, protocols=(), keep=None, view="", version=True):
    """`protocols`: (name, security method or None)."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<vos:transfer xmlns:vos="{VOS}"' + (' version="2.1">' if version else ">")]
    lines += [f"  <vos:target>{escape(t)}</vos:target>" for t in targets]
    lines += [f"  <vos:direction>{escape(direction)}</vos:direction>"] + ([view] if view else [])
    for name, method in protocols:
        inner = "" if method is None else f'<vos:securityMethod uri="{method}" />'
        lines.append(f'  <vos:protocol uri="{CORE}{name}">{inner}</vos:protocol>')
    lines.append(f"  <vos:keepBytes>{'true' if keep in (None, True) else 'false'}</vos:keepBytes>")
    return "\r\n".join(lines + ["</vos:transfer>", ""]).encode()


def read_transfer(text):
    """(direction, [(endpoint, method)])"""
    root = ET.fromstring(text)
    assert root.tag == f"{{{VOS}}}transfer", root.tag
    found = []
    for p in root.findall(f"{{{VOS}}}protocol"):
        method = p.find(f"{{{VOS}}}securityMethod")
        found.append((p.findtext(f"{{{VOS}}}endpoint"), None if method is None else method.get("uri")))
    return root.findtext(f"{{{VOS}}}direction"), found
