# SPDX-License-Identifier: Apache-2.0
"""PackageTest of the OpenCADC conformance suite."""

import io
import tarfile
import zipfile

from conformance_test import USER, XML, ConformanceTest
from opencadc import Node, transfer_document
from quartet_test import CORE, main

TAR, ZIP = "application/x-tar", "application/zip"
ENDINGS = {TAR: "tar", ZIP: "zip"}


class PackageTest(ConformanceTest):
    def download(self, targets, content_type, user=USER):
        view = ('  <vos:view uri="vos://cadc.nrc.ca~vospace/CADC/std/Pkg-1.0">'
                f'<vos:param uri="{CORE}format">{content_type}</vos:param></vos:view>')
        document = transfer_document([self.uri(t) for t in targets], "pullFromVoSpace",
                                     [("httpsget", "ivo://ivoa.net/sso#cookie")], view=view, version=False)
        posted = self.client.send("POST", self.sync_url, user, document, XML)
        self.assertEqual(posted.status, 303, posted.text)
        answer = self.client.send("GET", posted.headers["Location"], user)
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, content_type), answer.text[:200])
        self.assertTrue(answer.headers["Content-Disposition"].endswith(f'{ENDINGS[content_type]}"'))
        return answer.body

    def verify(self, targets, expected):
        """Every expected file is in either archive, and none that is not."""
        with tarfile.open(fileobj=io.BytesIO(self.download(targets, TAR))) as tar:
            self.assertEqual(sorted(m.name for m in tar if not m.isdir()), sorted(expected))
        with zipfile.ZipFile(io.BytesIO(self.download(targets, ZIP))) as z:
            self.assertIsNone(z.testzip())
            self.assertEqual(sorted(n for n in z.namelist() if not n.endswith("/")), sorted(expected))

    def make(self, *paths, links=None):
        """Containers end in '/', the rest are files; `links` are path: target."""
        self.fresh(*(links or {}), *reversed(paths))
        for path in paths:
            if path.endswith("/"):
                self.put(path, Node("ContainerNode", path))
            else:
                self.upload(path, path.encode(), "text/plain")
        for path, target in (links or {}).items():
            self.put(path, Node("LinkNode", path, target=target))
        self.addCleanup(self.fresh, *(links or {}), *reversed(paths))

    def test_permission_denied(self):
        self.make("permission-denied-root/", "permission-denied-file.txt")
        self.download(["permission-denied-root"], TAR, None)

    def test_target_not_found(self):
        self.download(["target-not-found-node"], TAR)

    def test_empty_target(self):
        self.make("empty-target-node/")
        self.download(["empty-target-node"], TAR)

    def test_single_file_target(self):
        self.make("single-target-node.txt")
        self.verify(["single-target-node.txt"], ["single-target-node.txt"])

    def test_multiple_target(self):
        top = "multi-target-root-node/"
        self.make(top, top + "dir1/", top + "dir1/file1.txt", top + "dir2/", top + "dir2/file2.txt")
        self.verify([top + "dir1", top + "dir2"], ["dir1/file1.txt", "dir2/file2.txt"])

    def test_full(self):
        top = "full-root-folder/"
        inner = top + "pkg-root/"
        self.make(top, inner, inner + "file1.txt", inner + "dir1/", inner + "dir2/", inner + "dir2/file2.txt",
                  inner + "dir2/file3.txt")
        self.verify([inner.rstrip("/")], [f"pkg-root/{n}" for n in ("file1.txt", "dir2/file2.txt", "dir2/file3.txt")])

    def linked(self, top, target):
        folders = [top, top + "dir1/", top + "dir1/dir2/", top + "dir1/dir3/"]
        self.make(*folders, top + "dir1/dir2/file1", top + "dir1/dir3/file2",
                  links={top + "dir1/dir2/link1": target or self.uri(top + "dir1/dir3/file2")})

    def test_in_package_link_node(self):
        self.linked("in-package-link-root-node/", None)
        self.verify(["in-package-link-root-node/dir1"], ["dir1/dir2/file1", "dir1/dir2/link1", "dir1/dir3/file2"])

    def test_out_of_package_link_node(self):
        self.linked("out-of-package-link-root-node/", None)
        self.verify(["out-of-package-link-root-node/dir1/dir2"], ["dir2/file1"])

    def test_external_link_node(self):
        self.linked("external-link-root-node/", "http://localhost.com")
        self.verify(["external-link-root-node/dir1"], ["dir1/dir2/file1", "dir1/dir3/file2"])

    def test_link_target_in_different_package_root(self):
        top = "different-package-root-node/"
        self.make(top, top + "dir1/", top + "dir1/dir2/", top + "dirA/", top + "dirA/dirB/", top + "dirA/dirB/target",
                  links={top + "dir1/dir2/link": self.uri(top + "dirA/dirB/target")})
        self.verify([top + "dir1", top + "dirA"], ["dir1/dir2/link", "dirA/dirB/target"])


if __name__ == "__main__":
    main()
