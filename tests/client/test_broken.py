# SPDX-License-Identifier: Apache-2.0
"""A connection that breaks: scenario 42 of the client contract.

The clients reach the service through a small proxy that can cut a connection after so
many bytes; the service names the proxy in all URLs it gives.
"""

import contextlib
import os
import socket
import struct
import threading

import copies
from client_env import ClientTest, main
from quartet_test import wait_until

LARGE = 50 * 1000 * 1000


class Proxy:
    """A TCP proxy on loopback. `cut_up` and `cut_down` are the bytes of one connection, from
    the client or to it, after which both ends are reset; None: never. `cuts` counts."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.target = None
        self.cut_up = self.cut_down = None
        self.cuts = 0

    def start(self, target):
        self.target = target
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self.target, timeout=10)
            except OSError:
                return
            server.settimeout(None)
            for source, sink, up in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._carry, args=(source, sink, up), daemon=True).start()

    def _carry(self, source, sink, up):
        carried = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                carried += len(piece)
                limit = self.cut_up if up else self.cut_down
                if limit is not None and carried > limit:
                    self.cuts += 1
                    # Reset, not closed: what a dead line or a fallen machine looks like.
                    for end in (source, sink):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        # Only one of the two directions closes both, after the other has ended too.
        if up:
            return
        for end in (source, sink):
            end.close()


class Broken(ClientTest):
    @classmethod
    def setUpClass(cls):
        cls.proxy = Proxy()
        cls.addClassCleanup(cls.proxy.close)
        cls.settings = [f"hosts=localhost:{cls.proxy.port}"]
        super().setUpClass()
        cls.proxy.start((cls.bed.host, cls.bed.port))

    def setUp(self):
        super().setUp()
        self.proxy.cut_up = self.proxy.cut_down = None
        self.proxy.cuts = 0

    def user(self, name):
        user = super().user(name)
        user.environment["VOSPACE_WEBSERVICE"] = f"localhost:{self.proxy.port}"
        return user

    def leaves_nothing(self, before):
        """No file of an upload that failed is on any disk."""
        def clean():
            return not any(os.listdir(os.path.join(location, "tmp"))
                           for location in self.bed.locations)
        wait_until(clean)
        self.assertEqual([sorted(at) for at in copies.blobs(self.bed)], before)

    def blobs(self):
        return [sorted(at) for at in copies.blobs(self.bed)]

    def test_42_a_cut_upload_changes_nothing(self):
        old = os.urandom(30_000)
        self.put("f", old)
        before, blobs = self.tree(), self.blobs()
        new = self.alice.write("f", os.urandom(LARGE))
        self.proxy.cut_up = LARGE // 2
        requests = self.requests()
        self.alice.fails("vcp", new, self.vos("f"), status=14)
        self.assertGreaterEqual(self.proxy.cuts, 1)
        self.assertTrue(all(put["status"] != "201" for put in requests.puts()))
        self.assertEqual(self.tree(), before)
        self.holds("f", old)
        self.leaves_nothing(blobs)
        # The line is repaired: the same command does it.
        self.proxy.cut_up = None
        self.alice("vcp", new, self.vos("f"))
        self.holds("f", self.alice.read("f"))

    def test_42b_a_cut_upload_of_a_new_file_leaves_no_file(self):
        blobs = self.blobs()
        new = self.alice.write("f", os.urandom(LARGE // 5))
        self.proxy.cut_up = LARGE // 10
        self.alice.fails("vcp", new, self.vos("f"), status=14)
        self.assertEqual(self.names(), [])
        self.leaves_nothing(blobs)

    def test_42c_a_cut_download_goes_on_where_it_stopped(self):
        data = os.urandom(LARGE)
        self.put("f", data)
        self.proxy.cut_down = LARGE // 3 * 2
        requests = self.requests()
        self.alice("vcp", self.vos("f"), "down")
        self.assertEqual(self.alice.read("down"), data)
        self.assertGreaterEqual(self.proxy.cuts, 1)
        reads = requests.take("GET", "/files/preauth")
        self.assertIn("206", [read["status"] for read in reads], reads)


main()
