# SPDX-License-Identifier: Apache-2.0
"""Several nodes as one archive: the package view."""

import io
import os
import struct
import tarfile
import time
import unittest
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile
import zlib

from quartet_test import VOS, Testbed, main, wait_until
from transfers import CORE, UWS, XML, TransferJobs, protocol

VIEW = "vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0"
TAR, ZIP = "application/x-tar", "application/zip"


def package(targets, form=None, direction="pullFromVoSpace"):
    """A document as the Java client writes it."""
    param = "" if form is None else f'<vos:param uri="{CORE}format">{form}</vos:param>'
    return (f'<vos:transfer xmlns:vos="{VOS}">'
            + "".join(f"<vos:target>{t}</vos:target>" for t in targets)
            + f'<vos:direction>{direction}</vos:direction><vos:view uri="{VIEW}">{param}</vos:view>'
            + protocol("httpsget", "ivo://ivoa.net/sso#cookie") + "</vos:transfer>")


def read_tar(data):
    """{name: bytes, None for a folder, str for a link}"""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {m.name: None if m.isdir() else m.linkname if m.issym() else tar.extractfile(m).read()
                for m in tar.getmembers()}


def read_zip_as_stream(data):
    """The members of a zip read from its start, as a reader does that cannot seek: a member
    whose length is not in its header must say itself where it ends."""
    found, at = {}, 0
    while data[at:at + 4] == b"PK\3\4":
        flags, method = struct.unpack_from("<HH", data, at + 6)
        packed, = struct.unpack_from("<I", data, at + 18)
        name_n, extra_n = struct.unpack_from("<HH", data, at + 26)
        name = data[at + 30:at + 30 + name_n].decode()
        at += 30 + name_n + extra_n
        if method == 8:
            unpacker = zlib.decompressobj(-15)
            body = unpacker.decompress(data[at:]) + unpacker.flush()
            at = len(data) - len(unpacker.unused_data)
        else:
            if flags & 8:
                raise AssertionError(f"{name}: stored, and its length comes behind it")
            body, at = data[at:at + packed], at + packed
        if flags & 8:
            end = data.find(b"PK", at + 4)
            at = end
        found[name] = body
    return found


class Packages(unittest.TestCase, TransferJobs):
    @classmethod
    def setUpClass(cls):
        cls.bed = Testbed.start(settings=["package_targets=5"])
        cls.addClassCleanup(cls.bed.close)
        cls.big = os.urandom(3_000_000)
        bed = cls.bed
        for path in ["/alice/p", "/alice/p/a", "/alice/p/a/empty", "/alice/q"]:
            bed.create("ContainerNode", path)
        bed.put("/alice/p/one", b"1")
        bed.put("/alice/p/a/big", cls.big)
        bed.put("/alice/p/a/nothing", b"")
        bed.put("/alice/p/a/été [1]", "é".encode())
        bed.put("/alice/q/two", b"22")
        for name, target in [("in", bed.uri("/alice/p/one")), ("other", bed.uri("/alice/q/two")),
                             ("out", bed.uri("/alice/elsewhere")), ("web", "https://example.org/x")]:
            bed.create("LinkNode", f"/alice/p/a/{name}", target=target)

    def post(self, paths, form=None, user="alice", **more):
        return self.bed.ask("POST", "/synctrans", user, package([self.bed.uri(p) for p in paths], form, **more), XML)

    def download(self, paths, form=None, user="alice"):
        posted = self.post(paths, form, user)
        self.assertEqual(posted.status, 303, posted.body)
        self.assertRegex(posted.headers["Location"], r"/vault/pkg/[a-z][a-z0-9]{15}/run$")
        self.url = posted.headers["Location"]
        answer = self.bed.ask("GET", self.url, user)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, form or TAR))
        return answer

    def job_phase(self, user="alice"):
        return self.bed.ask("GET", self.url.replace("/pkg/", "/transfers/").removesuffix("/run") + "/phase",
                            user).body.decode()

    def test_a_tar_of_a_folder(self):
        answer = self.download(["/alice/p"])
        self.assertEqual(read_tar(answer.body), {
            "p": None, "p/a": None, "p/a/big": self.big, "p/a/empty": None, "p/a/in": "../one",
            "p/a/nothing": b"", "p/a/été [1]": "é".encode(), "p/one": b"1"})
        self.assertIn('filename="quartet-download-p.tar"', answer.headers["Content-Disposition"])
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])
        wait_until(lambda: self.job_phase() == "COMPLETED", 20)

    def test_a_zip_of_several_targets(self):
        answer = self.download(["/alice/p", "/alice/q/two", "/alice/q"], ZIP)
        names = {"two": b"22", "q/": b"", "q/two": b"22", "p/": b"", "p/a/": b"", "p/a/big": self.big,
                 "p/a/empty/": b"", "p/a/in": b"../one", "p/a/nothing": b"", "p/a/other": b"../../two",
                 "p/a/été [1]": "é".encode(), "p/one": b"1"}
        with zipfile.ZipFile(io.BytesIO(answer.body)) as z:
            self.assertIsNone(z.testzip())
            self.assertEqual({i.filename: z.read(i) for i in z.infolist()}, names)
        self.assertEqual(read_zip_as_stream(answer.body), names)
        self.assertRegex(answer.headers["Content-Disposition"], r'filename="quartet-download-[a-z0-9]{16}\.zip"')

    def test_files_come_before_folders_and_a_folder_before_what_is_in_it(self):
        names = list(read_tar(self.download(["/alice/p", "/alice/q/two"]).body))
        self.assertEqual(names[0], "two")
        for name in names:
            parent = name.rpartition("/")[0]
            self.assertTrue(not parent or names.index(parent) < names.index(name), names)

    def test_two_targets_of_one_name_stay_apart(self):
        self.bed.create("ContainerNode", "/alice/same")
        self.bed.put("/alice/same/two", b"another")
        found = read_tar(self.download(["/alice/q/two", "/alice/same/two"]).body)
        self.assertEqual(found, {"two": b"22", "two-2": b"another"})

    def test_what_is_missing_or_not_for_the_caller_is_left_out(self):
        self.assertEqual(read_tar(self.download(["/alice/none"]).body), {})
        self.assertEqual(read_tar(self.download(["/alice/p"], user="bob").body), {})
        self.assertEqual(read_tar(self.download(["/alice/p"], user=None).body), {})
        self.assertEqual(self.download(["/alice/none"], ZIP).body[:4], b"PK\5\6")
        self.bed.create("ContainerNode", "/public/mixed", properties={"ispublic": "true"})
        for name, public in [("open", "true"), ("shut", "false")]:
            self.bed.put(f"/public/mixed/{name}", name.encode())
            self.bed.ask("POST", f"/nodes/public/mixed/{name}", "alice", self.bed.document(
                "DataNode", f"/public/mixed/{name}", {"ispublic": public, "groupread": None, "groupwrite": None}), XML)
        self.assertEqual(set(read_tar(self.download(["/public/mixed"], user=None).body)), {"mixed", "mixed/open"})
        self.assertEqual(set(read_tar(self.download(["/public/mixed"]).body)),
                         {"mixed", "mixed/open", "mixed/shut"})

    def test_a_link_as_target_is_what_it_leads_to(self):
        self.bed.create("LinkNode", "/alice/way", target=self.bed.uri("/alice/q"))
        self.assertEqual(read_tar(self.download(["/alice/way"]).body), {"way": None, "way/two": b"22"})

    def test_the_job_waits_runs_once_and_is_its_owners(self):
        posted = self.post(["/alice/q"])
        self.url = posted.headers["Location"]
        self.assertEqual(self.job_phase(), "SUSPENDED")
        for user, status in [("bob", 403), (None, 401)]:
            self.assertEqual(self.bed.ask("GET", self.url, user).status, status)
        head = self.bed.ask("HEAD", self.url, "alice")
        self.assertEqual((head.status, head.headers["Content-Type"]), (200, TAR))
        self.assertEqual(self.job_phase(), "SUSPENDED")
        self.assertEqual(self.bed.ask("GET", self.url, "alice").status, 200)
        wait_until(lambda: self.job_phase() == "COMPLETED", 20)
        again = self.bed.ask("GET", self.url, "alice")
        self.assertEqual(again.status, 400)
        self.assertIn("when phase = COMPLETED", again.text)

    def test_bad_questions(self):
        for more, word in [({"form": "image/png"}, "InvalidArgument"), ({"direction": "pullToVoSpace"}, None)]:
            posted = self.post(["/alice/q"], **more)
            self.assertEqual(posted.status, 303)
            job = posted.headers["Location"].removesuffix("/results/transferDetails")
            self.assertEqual(self.bed.ask("GET", job + "/phase", "alice").body, b"ERROR")
            if word:
                self.assertEqual(self.bed.ask("GET", job + "/error", "alice").text, word)
        posted = self.post([f"/alice/{i}" for i in range(6)])
        job = posted.headers["Location"].removesuffix("/results/transferDetails")
        self.assertIn("the limit is 5", self.bed.ask("GET", job, "alice").text)
        self.assertEqual(self.bed.ask("GET", "/pkg/aaaaaaaaaaaaaaaa/run", "alice").status, 404)
        self.bed.put("/alice/plain", b"x")
        other = self.bed.ask("POST", "/synctrans", "alice", package([self.bed.uri("/alice/plain")]).replace(
            f'<vos:view uri="{VIEW}"></vos:view>', ""), XML).headers["Location"]
        other = other.replace("/transfers/", "/pkg/").replace("/results/transferDetails", "/run")
        self.assertEqual(self.bed.ask("GET", other, "alice").status, 400)

    def test_an_asynchronous_job_leads_to_the_same_archive(self):
        url = self.job(package([self.bed.uri("/alice/q")]))
        job = self.run_job(url)
        self.assertEqual(job.findtext(f"{{{UWS}}}phase"), "SUSPENDED")
        details = self.bed.ask("GET", url.replace("/transfers/", "/xfer/"), "alice")
        endpoint = ET.fromstring(details.body).find(f".//{{{VOS}}}endpoint").text
        self.assertEqual(read_tar(self.bed.ask("GET", endpoint, "alice").body), {"q": None, "q/two": b"22"})

    def slow_package(self):
        """A package whose client has read its head only."""
        posted = self.post(["/alice/slow"])
        self.url = posted.headers["Location"]
        sock = self.bed.socket("alice")
        path = urllib.parse.urlsplit(self.url).path
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {self.bed.host}:{self.bed.port}\r\n\r\n".encode())
        self.assertIn(b"200", sock.recv(100))
        return sock

    def fill_slow(self):
        if self.bed.create("ContainerNode", "/alice/slow").status == 201:
            for i in range(8):
                self.bed.put(f"/alice/slow/{i}", os.urandom(4_000_000))

    def test_an_aborted_job_ends_the_stream(self):
        self.fill_slow()
        with self.slow_package() as sock:
            self.assertEqual(self.job_phase(), "EXECUTING")
            job = self.url.replace("/pkg/", "/transfers/").removesuffix("/run")
            self.bed.ask("POST", job + "/phase", "alice", urllib.parse.urlencode({"PHASE": "ABORT"}),
                         {"Content-Type": "application/x-www-form-urlencoded"})
            n = 0
            try:
                while part := sock.recv(1 << 20):
                    n += len(part)
            except OSError:
                pass
            self.assertLess(n, 32_000_000)
        self.assertEqual(self.job_phase(), "ABORTED")

    def test_a_client_that_goes_away_leaves_a_job_in_error(self):
        self.fill_slow()
        self.slow_package().close()
        wait_until(lambda: self.job_phase() == "ERROR", 30)

    def test_many_small_files(self):
        self.bed.create("ContainerNode", "/alice/many")
        for i in range(300):
            self.bed.put(f"/alice/many/{i:03}", str(i).encode() * i)
        found = read_tar(self.download(["/alice/many"]).body)
        self.assertEqual(len(found), 301)
        for i in range(300):
            self.assertEqual(found[f"many/{i:03}"], str(i).encode() * i)


if __name__ == "__main__":
    main()
