# SPDX-License-Identifier: Apache-2.0
"""A tar put into a container: its contents become the container's."""

import io
import os
import random
import tarfile
import unittest
import urllib.parse
import xml.etree.ElementTree as ET

from fault_test import sanitizer_of_build
from quartet_test import VOS, Testbed, main, wait_until
from transfers import BY_TLS, CORE, FORM, UWS, XLINK, XML, Negotiated, TransferJobs, protocol, transfer

PACKAGE = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"
TAR, ZIP = "application/x-tar", "application/zip"
MIB = 1024 * 1024


def view(form=TAR):
    return f'<vos:view uri="{PACKAGE}"><vos:param uri="{CORE}format">{form}</vos:param></vos:view>'


def make_tar(members, form=tarfile.PAX_FORMAT):
    """A tar of (name, content): bytes; None: a folder; a str: a symbolic link; or a TarInfo."""
    to = io.BytesIO()
    with tarfile.open(fileobj=to, mode="w", format=form) as tar:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            elif isinstance(content, bytes):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return to.getvalue()


def special(name, kind, linkname=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, linkname
    return info


class Unpacking(TransferJobs):
    """What the test cases share. Each works in a container of its own."""

    def container(self, path, **more):
        self.assertEqual(self.bed.create("ContainerNode", path, **more).status, 201)
        return path

    def negotiate(self, path, user="alice", protocols=None, form=TAR):
        return Negotiated(self.bed, user, transfer(
            self.bed.uri(path), "pushToVoSpace", *(protocols or [protocol("httpsput")]), view=view(form)))

    def unpack(self, path, data, user="alice", status=201):
        """Negotiate, put; the answer, and the job as it is then."""
        self.push = self.negotiate(path, user)
        self.assertEqual(self.push.phase, "EXECUTING", self.push.error.text)
        self.url = self.push.hops[-1].replace("xfer", "transfers")
        self.answer = self.bed.ask("PUT", self.push.endpoints[0][0], None, data)
        self.assertEqual(self.answer.status, status, self.answer.body)
        return self.job_now(user)

    def job_now(self, user="alice"):
        """(phase, results, message)"""
        job = ET.fromstring(self.bed.ask("GET", self.url, user).body)
        results = {r.get("id"): r.get(f"{{{XLINK}}}href") for r in job.iter(f"{{{UWS}}}result")}
        return (job.findtext(f"{{{UWS}}}phase"), results, job.findtext(f"{{{UWS}}}errorSummary/{{{UWS}}}message"))

    def counts(self, results):
        """(done, failed), as the results say."""
        return tuple(None if name not in results else int(results[name].rpartition("final:")[2])
                     for name in ("successcount", "errorcount"))

    def tree(self, path, user="alice"):
        """{name: bytes; None for a folder; the target of a link as a str}, by the package of it."""
        document = transfer(self.bed.uri(path), "pullFromVoSpace", protocol("httpsget"), view=view())
        posted = self.bed.ask("POST", "/synctrans", user, document, XML)
        data = self.bed.ask("GET", posted.headers["Location"], user).body
        top = path.rpartition("/")[2]
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return {m.name.removeprefix(top).removeprefix("/"): None if m.isdir() else m.linkname if m.issym()
                    else tar.extractfile(m).read() for m in tar.getmembers() if m.name != top}

    def node(self, path, user="alice"):
        return self.bed.ask("GET", "/nodes" + urllib.parse.quote(path), user)


class Archives(unittest.TestCase, Unpacking):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["upload_max=100MiB", "unpack_entries=1000", "unpack_bytes_max=200MiB"])
        cls.addClassCleanup(cls.bed.close)

    def sample(self):
        rng = random.Random(7)
        members = [("top", None), ("top/empty", None), ("top/nothing", b""), ("top/" + "n" * 255, b"long"),
                   ("top/" + "/".join("d" * 60 for _ in range(6)) + "/deep", b"deep"),
                   ("top/été ☃ [1]%41", "é".encode()), ("top/e\u0301", b"not composed"), ("./top/./dot", b"."),
                   ("not/named/before", b"made on the way")]
        members += [(f"many/{i % 20}/file-{i}", rng.randbytes(rng.choice([0, 1, 511, 512, 513, 70_000, 3000])))
                    for i in range(190)]
        return members

    def test_VW_4_the_contents_of_a_tar_appear_as_children(self):
        members = self.sample()
        for i, form in enumerate([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]):
            with self.subTest(form=form):
                path = self.container(f"/alice/tree{i}")
                phase, results, message = self.unpack(path, make_tar(members, form))
                self.assertEqual((phase, message), ("COMPLETED", None))
                self.assertEqual(self.counts(results), (len(members), None))
                self.assertEqual(results["dataNode"], self.bed.uri(path))
                found = self.tree(path)
                files = {os.path.normpath(n): c for n, c in members if c is not None}
                kept = {n: c for n, c in found.items() if c is not None}
                self.assertEqual(kept.keys() ^ files.keys(), set())
                self.assertEqual([n for n in files if kept[n] != files[n]], [])
                self.assertTrue({"top", "top/empty", "not", "not/named", "many", "many/0"} <= set(found))

    def test_names_stay_byte_for_byte_what_they_are(self):
        path = self.container("/alice/bytes")
        for form in [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]:
            for name in ["e\u0301", "é", "a\nb", "a b ", "\\", "-"]:
                self.unpack(path, make_tar([(name, name.encode())], form))
                self.assertEqual(self.bed.get(f"{path}/{name}").body, name.encode())

    def test_OP_79_a_push_onto_a_container_with_an_archive_view_unpacks(self):
        path = self.container("/alice/pushed")
        url = self.job(transfer(self.bed.uri(path), "pushToVoSpace", protocol("httpsput", BY_TLS),
                                protocol("httpsput"), view=view()))
        self.assertEqual(self.run_job(url).findtext(f"{{{UWS}}}phase"), "EXECUTING")
        details = ET.fromstring(self.bed.ask("GET", url.replace("/transfers/", "/xfer/"), "alice").body)
        ends = [e.text for e in details.iter(f"{{{VOS}}}endpoint")]
        self.assertEqual(len(ends), 2)
        self.assertIn("/files/preauth:", ends[0])
        self.assertEqual(self.bed.ask("PUT", ends[1], "alice", make_tar([("a", b"1")])).status, 201)
        self.assertEqual(self.bed.get("/alice/pushed/a").body, b"1")
        self.assertEqual(self.bed.ask("GET", url + "/phase", "alice").text, "COMPLETED")
        again = self.bed.ask("PUT", ends[0], None, make_tar([("a", b"2")]))
        self.assertEqual(again.status, 400)
        self.assertIn("COMPLETED", again.text)
        self.assertEqual(self.bed.get("/alice/pushed/a").body, b"1")

    def test_OP_4_the_view_is_listed_as_accepted(self):
        views = ET.fromstring(self.bed.ask("GET", "/views").body)
        accepts = next(e for e in views if e.tag.endswith("accepts"))
        self.assertIn(PACKAGE, [v.get("uri") for v in accepts])

    def test_round_trip_of_a_tree_with_links(self):
        here, there = self.container("/alice/from"), self.container("/alice/to")
        members = self.sample() + [("top/link", "nothing"), ("many/up", "../top/empty")]
        self.unpack(here, make_tar(members))
        posted = self.bed.ask("POST", "/synctrans", "alice", transfer(
            self.bed.uri(here), "pullFromVoSpace", protocol("httpsget"), view=view()), XML)
        data = self.bed.ask("GET", posted.headers["Location"], "alice").body
        phase, _, message = self.unpack(there, data)
        self.assertEqual((phase, message), ("COMPLETED", None))
        self.assertEqual(self.tree("/alice/to/from"), self.tree(here))
        self.assertEqual(self.unpack(there, data)[0], "COMPLETED", "a second time is the same")

    def test_what_is_there_is_overwritten_as_by_a_put(self):
        path = self.container("/alice/over")
        self.bed.create("ContainerNode", path + "/d")
        self.bed.put(path + "/d/f", b"old", headers={"Content-Type": "text/x-old", "Content-Encoding": "gzip"})
        self.unpack(path, make_tar([("d", None), ("d/f", b"new bytes")]))
        got = self.bed.get(path + "/d/f")
        self.assertEqual((got.body, got.headers["Content-Type"], got.headers["Content-Encoding"]),
                         (b"new bytes", "text/x-old", None))

    def test_names_that_lead_elsewhere_or_are_none_fail_and_the_rest_is_stored(self):
        path = self.container("/alice/names")
        bad = ["../out", "a/../../out", "a/../b", "/abs", "..", "a/.auto", ".null", "x" * 256,
               "/".join("p" for _ in range(2000))]
        for name in bad:
            phase, results, _ = self.unpack(path, make_tar([(name, b"bad"), ("good", name[:50].encode())]), status=400)
            self.assertEqual((phase, self.counts(results)), ("ABORTED", (1, 1)), name)
            self.assertIn(f"'{name[:20]}", self.answer.text)
            self.assertEqual(self.bed.get(path + "/good").body, name[:50].encode())
        raw = make_tar([("uXXX", b"")], tarfile.USTAR_FORMAT)
        bent = bytearray(raw)
        bent[1:4] = b"\xff\xfe\xfd"
        bent[148:156] = b"%06o\0 " % (sum(bent[:148]) + 8 * 32 + sum(bent[156:512]))
        self.assertEqual(self.unpack(path, bytes(bent), status=400)[0], "ERROR")
        for name in ["out", "abs", "b"]:
            self.assertEqual((self.node("/alice/" + name).status, self.node("/" + name).status), (404, 404))
        self.assertEqual(self.tree(path).keys() - {"a"}, {"good"})

    def test_a_file_or_a_link_in_the_way_is_never_gone_through(self):
        path, other = self.container("/alice/way"), self.container("/alice/secret")
        self.bed.create("LinkNode", path + "/l", target=self.bed.uri(other))
        self.bed.put(path + "/f", b"a file")
        for name, content in [("l/x", b"1"), ("l", b"1"), ("l", None), ("f/x", b"1"), ("f", None), ("f", "l"),
                              ("l", "f"), ("l/d", None)]:
            phase, results, message = self.unpack(path, make_tar([(name, content)]), status=self.refusal(name, content))
            self.assertEqual((phase, self.counts(results)), ("ERROR", (None, None)))
            self.assertIn(f"'{name}", message)
        self.assertEqual((self.tree(other), self.bed.get(path + "/f").body), ({}, b"a file"))

    @staticmethod
    def refusal(name, content):
        """Something else has the name, or something else is asked for."""
        return 409 if "/" not in name and not isinstance(content, bytes) else 400

    def test_links_are_kept_where_they_stay_inside(self):
        path = self.container("/alice/links")
        good = [("d/f", b"x"), ("d/l", "f"), ("up", "d/../d/f"), ("later", "not/there/yet")]
        self.assertEqual(self.unpack(path, make_tar(good))[0], "COMPLETED")
        self.assertEqual(self.bed.get(path + "/d/l").body, b"x")
        self.assertIn(self.bed.uri(path + "/d/f").replace("/alice", "/alice"), self.node(path + "/up").text)
        for target in ["/etc/passwd", "../names", "d/../../names", ""]:
            phase, _, message = self.unpack(path, make_tar([("bad", target)]), status=400)
            self.assertEqual(phase, "ERROR")
            self.assertIn("'bad': the link", message)
        self.assertEqual(self.node(path + "/bad").status, 404)

    def test_hard_links_devices_and_pipes_are_refused(self):
        path = self.container("/alice/special")
        members = [("f", b"1")] + [(n, special(n, k, "f")) for n, k in [
            ("hard", tarfile.LNKTYPE), ("fifo", tarfile.FIFOTYPE), ("chr", tarfile.CHRTYPE), ("blk", tarfile.BLKTYPE)]]
        phase, results, _ = self.unpack(path, make_tar(members + [("g", b"2")]), status=400)
        self.assertEqual((phase, self.counts(results)), ("ABORTED", (2, 4)))
        self.assertIn("'hard'", self.answer.text)
        self.assertEqual(self.tree(path), {"f": b"1", "g": b"2"})

    def test_a_tar_cut_anywhere_keeps_what_was_whole(self):
        path = self.container("/alice/cut")
        data = make_tar([("one", b"1" * 2000), ("two", b"2" * 200_000), ("three", b"3")], tarfile.USTAR_FORMAT)
        for n, kept, name in [(200, [], ""), (512 + 100, [], "'one'"), (2560, ["one"], "behind 'one'"),
                              (2560 + 512 + 100_000, ["one"], "'two'"),
                              (self.end_of(data), ["one", "three", "two"], "behind 'three'")]:
            self.bed.ask("DELETE", "/nodes" + path + "/one", "alice")
            phase, _, message = self.unpack(path, data[:n], status=400)
            self.assertEqual(phase, "ERROR")
            self.assertIn("the archive ends before its end", message)
            self.assertIn(name, self.answer.text)
            self.assertEqual(sorted(self.tree(path)), kept)

    @staticmethod
    def end_of(data):
        """Where its mark of the end begins."""
        return (len(data.rstrip(b"\0")) + 511) // 512 * 512

    def test_what_is_no_tar_is_refused(self):
        path = self.container("/alice/none")
        tar = make_tar([("a", b"1" * 600)])
        sparse = bytearray(make_tar([("s", b"")], tarfile.USTAR_FORMAT))
        sparse[156] = ord("S")
        sparse[148:156] = b"%06o\0 " % (sum(sparse[:148]) + 8 * 32 + sum(sparse[156:512]))
        huge = tarfile.TarInfo("huge")
        huge.size = 2**62
        for data, word in [(os.urandom(4096), "no tar header"), (tar[:100] + b"\x07" + tar[101:], "no tar header"),
                           (bytes(sparse), "sparse"), (huge.tobuf(tarfile.GNU_FORMAT) + b"x" * 1000, "more than"),
                           (special("x", b"x").tobuf()[:124] + b"77777777777\0" + bytes(376), "no tar header")]:
            status = 413 if word == "more than" else 400
            self.assertEqual(self.unpack(path, data, status=status)[0], "ERROR")
            self.assertIn(word, self.answer.text)
        self.assertEqual(self.tree(path), {})
        self.assertEqual(self.unpack(path, make_tar([]))[0], "COMPLETED")
        self.assertIn(self.bed.ask("PUT", self.negotiate(path).endpoints[0][0], None, b"").status, (400, 411))

    def test_limits_of_members_and_bytes(self):
        path = self.container("/alice/limits")
        phase, results, message = self.unpack(path, make_tar([("d", None)] * 1001), status=413)
        self.assertEqual((phase, self.counts(results)), ("ERROR", (1000, 1)))
        self.assertIn("more than 1000 members", message)
        zeros = bytes(90 * MIB)
        _, _, message = self.unpack(path, make_tar([("b", zeros), ("c", zeros), ("d2", zeros)])[:181 * MIB], status=413)
        self.assertIn("more than 209715200 bytes", message)
        self.assertEqual(len(self.bed.get(path + "/c").body), 90 * MIB)
        self.unpack(path, make_tar([("e", bytes(101 * MIB)), ("f", b"1")]), status=413)
        self.assertEqual(self.bed.get(path + "/f").body, b"1")
        self.assertEqual(self.node(path + "/e").status, 404)

    def test_only_a_tar_and_only_into_a_container(self):
        path = self.container("/alice/what")
        self.bed.put(path + "/file", b"1")
        for target, form, word in [(path, ZIP, "ViewNotSupported"), (path + "/file", TAR, "ViewNotSupported"),
                                   (path + "/none", TAR, "NodeNotFound")]:
            push = self.negotiate(target, form=form, protocols=[protocol("httpsput", BY_TLS)])
            self.assertEqual((push.phase, push.error.text), ("ERROR", word))
        query = urllib.parse.urlencode({"TARGET": self.bed.uri(path), "DIRECTION": "pushToVoSpace",
                                        "PROTOCOL": CORE + "httpsput", "VIEW": PACKAGE})
        self.assertIn("ViewNotSupported", self.bed.ask("GET", "/synctrans?" + query, "alice").text)

    def test_a_link_to_the_container_is_followed_at_negotiation(self):
        path = self.container("/alice/real")
        self.bed.create("LinkNode", "/alice/linked", target=self.bed.uri(path))
        self.unpack("/alice/linked", make_tar([("a", b"1")]))
        self.assertEqual(self.tree(path), {"a": b"1"})

    def test_permissions_are_inherited(self):
        path = self.container("/public/heir", properties={
            "ivo://cadc.nrc.ca/vospace/core#inheritPermissions": "true", "ispublic": "true"})
        self.unpack(path, make_tar([("d/f", b"1")]))
        self.assertEqual(self.bed.get(path + "/d/f", user=None).body, b"1")

    def test_who_may_not_write_is_refused_at_negotiation_and_again_at_each_member(self):
        path = self.container("/alice/mine")
        for user in ["bob", None]:
            push = self.negotiate(path, user, [protocol("httpsput", BY_TLS)])
            self.assertEqual(push.phase, "ERROR")
            self.assertEqual(push.error.text, "PermissionDenied")
        for name in ["open", "shut"]:
            self.bed.create("ContainerNode", f"{path}/{name}")
        self.bed.ask("POST", f"/nodes{path}/shut", "alice", self.bed.document(
            "ContainerNode", f"{path}/shut", {"ivo://cadc.nrc.ca/vospace/core#islocked": "true"}), XML)
        phase, results, _ = self.unpack(path, make_tar(
            [("open/1", b"1"), ("shut/2", b"2"), ("shut/d", None), ("open/3", b"3")]), status=423)
        self.assertEqual((phase, self.counts(results)), ("ABORTED", (2, 2)))
        self.assertIn("'shut/2'", self.answer.text)
        self.assertEqual(self.tree(path), {"open": None, "open/1": b"1", "open/3": b"3", "shut": None})

    def test_who_may_write_by_a_group_may_unpack_and_owns_what_is_new(self):
        path = self.container("/public/team", properties={
            "groupwrite": "ivo://cadc.nrc.ca/gms?team-c", "groupread": "ivo://cadc.nrc.ca/gms?team-c",
            "ivo://cadc.nrc.ca/vospace/core#inheritPermissions": "true"})
        self.bed.put(path + "/old", b"alice's")
        phase, _, message = self.unpack(path, make_tar([("d/new", b"carol's"), ("old", b"new bytes")]), user="carol")
        self.assertEqual((phase, message), ("COMPLETED", None))
        self.assertIn("carol", self.node(path + "/d/new", "carol").text.lower())
        self.assertEqual(self.bed.get(path + "/old", "carol").body, b"new bytes")

    def test_a_transaction_a_range_or_a_coding_is_refused_and_the_job_still_waits(self):
        path = self.container("/alice/plain")
        push = self.negotiate(path)
        url, data = push.endpoints[0][0], make_tar([("a", b"1")])
        for headers in [{"Content-Range": "bytes 0-1/2"}, {"Content-Encoding": "gzip"},
                        {"x-put-txn-op": "start"}]:
            self.assertEqual(self.bed.ask("PUT", url, None, data, headers).status, 400, headers)
        self.assertEqual(self.bed.ask("PUT", url, None, data).status, 201)

    def test_an_archive_of_unknown_length_is_taken(self):
        path = self.container("/alice/chunked")
        push = self.negotiate(path)
        data = make_tar([("a", b"1" * 100_000), ("b", b"2")])
        parts = (data[i:i + 10_000] for i in range(0, len(data), 10_000))
        self.assertEqual(self.bed.ask("PUT", push.endpoints[0][0], None, parts).status, 201)
        self.assertEqual({n: len(c) for n, c in self.tree(path).items()}, {"a": 100_000, "b": 1})

    def test_a_job_that_was_aborted_before_takes_nothing(self):
        path = self.container("/alice/early")
        push = self.negotiate(path)
        self.bed.ask("POST", push.hops[-1].replace("xfer", "transfers") + "/phase", "alice", "PHASE=ABORT", FORM)
        self.assertEqual(self.bed.ask("PUT", push.endpoints[0][0], None, make_tar([("a", b"")])).status, 400)
        self.assertEqual(self.tree(path), {})

    def test_a_locked_container_is_refused_at_once_and_a_url_is_of_no_use_when_it_is_locked_later(self):
        path = self.container("/alice/lock")
        push = self.negotiate(path)
        self.bed.ask("POST", f"/nodes{path}", "alice", self.bed.document(
            "ContainerNode", path, {"ivo://cadc.nrc.ca/vospace/core#islocked": "true"}), XML)
        self.assertEqual(self.bed.ask("PUT", push.endpoints[0][0], None, make_tar([("a", b"")])).status, 423)
        self.assertEqual(self.negotiate(path, protocols=[protocol("httpsput", BY_TLS)]).error.text, "NodeLocked")

    def test_the_quota_ends_it_in_the_middle(self):
        self.assertEqual(self.bed.create("ContainerNode", "/alice/quota").status, 201)
        set_quota = self.bed.document("ContainerNode", "/alice/quota", {"quota": "100000"})
        self.assertEqual(self.bed.ask("POST", "/nodes/alice/quota", "admin", set_quota, XML).status, 200)
        phase, results, message = self.unpack("/alice/quota", make_tar(
            [("a", bytes(60_000)), ("b", bytes(60_000)), ("c", b"1")]), status=413)
        self.assertEqual((phase, self.counts(results)), ("ERROR", (1, 1)))
        self.assertIn("'b'", message)
        self.assertEqual(set(self.tree("/alice/quota")), {"a"})

    def slow_put(self, endpoint, data, total=None):
        """Begin a PUT of more than what is sent; the socket."""
        url = urllib.parse.urlsplit(endpoint)
        s = self.bed.socket()
        s.sendall(f"PUT {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {total or len(data) + MIB}\r\n\r\n".encode())
        s.sendall(data)
        return s

    def abort_in(self, path, members, cut, last):
        push = self.negotiate(self.container(path))
        self.url = push.hops[-1].replace("xfer", "transfers")
        s = self.slow_put(push.endpoints[0][0], make_tar(members)[:cut])
        try:
            wait_until(lambda: self.node(f"{path}/{last}").status == 200)
            self.bed.ask("POST", self.url + "/phase", "alice", "PHASE=ABORT", FORM)
            answer = s.recv(4096)
        finally:
            s.close()
        self.assertIn(b" 409 ", answer.split(b"\r\n")[0])
        self.assertEqual(self.job_now()[0], "ABORTED")
        return self.tree(path)

    def test_an_abort_stops_it_between_members_and_inside_one(self):
        second = bytes(MIB - 1024 - 512) # bytes come in pieces of 1 MiB: this is the end of one
        members = [("a", b"1"), ("b", second), ("c", bytes(2 * MIB))]
        self.assertEqual(self.abort_in("/alice/abort1", members, MIB, "b"), {"a": b"1", "b": second})
        self.assertEqual(self.abort_in("/alice/abort2", members, 2 * MIB, "b"), {"a": b"1", "b": second})

    def test_a_client_that_goes_away_leaves_whole_files_and_a_job_in_error(self):
        path = self.container("/alice/gone")
        push = self.negotiate(path)
        self.url = push.hops[-1].replace("xfer", "transfers")
        s = self.slow_put(push.endpoints[0][0], make_tar([("a", b"1"), ("b", bytes(3 * MIB))])[:2 * MIB])
        wait_until(lambda: self.node(path + "/a").status == 200)
        s.close()
        wait_until(lambda: self.job_now()[0] == "ERROR")
        self.assertIn("'b'", self.job_now()[2])
        self.assertEqual(self.tree(path), {"a": b"1"})

    def test_a_container_that_is_moved_away_is_the_end(self):
        path, other = self.container("/alice/moves"), "/alice/moved"
        push = self.negotiate(path)
        self.url = push.hops[-1].replace("xfer", "transfers")
        data = make_tar([("a", b"1"), ("b", bytes(3 * MIB)), ("c", b"3")])
        s = self.slow_put(push.endpoints[0][0], data[:2 * MIB], len(data))
        wait_until(lambda: self.node(path + "/a").status == 200)
        url = self.job(transfer(self.bed.uri(path), self.bed.uri(other), keep="false"))
        self.assertEqual(self.run_job(url).findtext(f"{{{UWS}}}phase"), "COMPLETED")
        self.container(path)
        s.sendall(data[2 * MIB:])
        answer = s.recv(4096)
        s.close()
        self.assertIn(b" 404 ", answer.split(b"\r\n")[0])
        self.assertIn("the container is not where it was", self.job_now()[2])
        self.assertEqual(self.tree(path), {})

    def test_other_methods_have_no_use_of_the_url(self):
        path = self.container("/alice/other")
        url = self.negotiate(path).endpoints[0][0]
        for method, status in [("GET", (400, 403)), ("HEAD", (400, 403)), ("POST", (400, 403)), ("DELETE", (405,))]:
            self.assertIn(self.bed.ask(method, url).status, status, method)
        self.assertEqual(self.bed.ask("PUT", url + "/x", None, b"x").status, 403)
        self.assertEqual(self.bed.ask("PUT", url, None, make_tar([("a", b"1")])).status, 201)

    def test_a_url_is_for_one_put_and_for_its_container(self):
        path = self.container("/alice/once")
        push = self.negotiate(path)
        self.bed.ask("DELETE", "/nodes" + path, "alice")
        self.container(path)
        self.assertEqual(self.bed.ask("PUT", push.endpoints[0][0], None, make_tar([("a", b"")])).status, 403)
        push = self.negotiate(path)
        s = self.slow_put(push.endpoints[0][0], make_tar([("a", b"1"), ("b", bytes(3 * MIB))])[:2 * MIB])
        wait_until(lambda: self.node(path + "/a").status == 200)
        self.assertEqual(self.bed.ask("PUT", push.endpoints[0][0], None, make_tar([("c", b"")])).status, 400)
        s.close()

    def memory_kib(self):
        with open(f"/proc/{self.bed.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

    @unittest.skipIf(sanitizer_of_build(), "a sanitizer's memory is not the server's")
    def test_a_large_file_in_it_takes_no_more_memory(self):
        path = self.container("/alice/large")
        small, large = os.urandom(4 * MIB), os.urandom(96 * MIB)
        self.unpack(path, make_tar([("small", small)]))
        before = self.memory_kib()
        self.unpack(path, make_tar([("large", large), ("small", b"1")]))
        self.assertLess(self.memory_kib() - before, 64 * 1024)
        self.assertEqual(self.bed.get(path + "/large").body, large)


class Restart(unittest.TestCase, Unpacking):
    def setUp(self):
        self.bed = Testbed.start(settings=["stop_grace=500ms"])
        self.addCleanup(self.bed.close)

    def restart(self):
        self.bed.down()
        self.bed.up()

    def test_a_job_that_waits_does_so_after_a_restart(self):
        path = self.container("/alice/later")
        push = self.negotiate(path)
        self.restart()
        end = urllib.parse.urlsplit(push.endpoints[0][0]).path
        self.assertEqual(self.bed.ask("PUT", end, None, make_tar([("a", b"1")])).status, 201)
        self.url = urllib.parse.urlsplit(push.hops[-1].replace("xfer", "transfers")).path
        self.assertEqual(self.job_now()[0], "COMPLETED")

    def test_one_that_the_service_stops_is_over_and_its_files_are_whole(self):
        path = self.container("/alice/stopped")
        push = self.negotiate(path)
        self.url = urllib.parse.urlsplit(push.hops[-1].replace("xfer", "transfers")).path
        s = Archives.slow_put(self, push.endpoints[0][0], make_tar([("a", b"1"), ("b", bytes(3 * MIB))])[:2 * MIB])
        self.addCleanup(s.close)
        wait_until(lambda: self.node(path + "/a").status == 200)
        self.restart()
        phase, results, message = self.job_now()
        self.assertEqual((phase, self.counts(results)), ("ERROR", (1, 1)), message)
        self.assertEqual(self.tree(path), {"a": b"1"})


if __name__ == "__main__":
    main()
