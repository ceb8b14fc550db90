# SPDX-License-Identifier: Apache-2.0
"""Another service on loopback, with https: what the server's transfers go to and come from.

    peer = Peer.start()            # peer.name is "localhost:PORT", peer.ca its authority
    peer.serves("/a", b"bytes", {"Content-Type": "text/plain"})
    peer.answers["/b"] = lambda request: request.send_error(500)
    peer.requests                  # what came: method, path, headers, body
"""

import contextlib
import http.server
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
from dataclasses import dataclass

from quartet_test import TOP


@dataclass
class Request:
    method: str
    path: str
    headers: object
    body: bytes


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def handle_one(self):
        peer = self.server.peer
        self.close_connection = True
        body = b""
        if self.command == "PUT" and self.path not in peer.refuses_early:
            if self.headers.get("Expect"):
                self.send_response_only(100)
                self.end_headers()
            body = self.rfile.read(int(self.headers["Content-Length"]))
        peer.requests.append(Request(self.command, self.path, self.headers, body))
        with contextlib.suppress(OSError):  # whoever broke off knows
            peer.answers.get(self.path, lambda request: request.answer(404, b"secret words"))(self)

    def handle_expect_100(self):
        return True

    do_GET = do_PUT = handle_one


class Peer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder, address):
        super().__init__((address, 0), Handler)
        self.peer = self
        self.folder = folder
        self.ca = os.path.join(folder, "ca.pem")
        self.port = self.server_address[1]
        self.name = f"localhost:{self.port}"
        self.answers, self.requests, self.refuses_early = {}, [], set()
        self.gate = threading.Event()  # for answers that stop half-way; close() opens it
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))

    @classmethod
    def start(cls, address="127.0.0.1"):
        folder = tempfile.mkdtemp(prefix="quartet-peer-")
        subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), folder], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        peer = cls(folder, address)
        threading.Thread(target=peer.serve_forever, daemon=True).start()
        return peer

    def finish_request(self, request, client_address):
        request.settimeout(60)
        try:
            with self.tls.wrap_socket(request, server_side=True) as secure:
                self.RequestHandlerClass(secure, client_address, self)
        except OSError:
            pass  # a client that does not like us, or went away

    def handle_error(self, request, client_address):
        pass

    def close(self):
        self.gate.set()
        self.shutdown()
        self.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, path):
        return f"https://{self.name}{path}"

    def serves(self, path, body, headers=None):
        self.answers[path] = lambda request: request.answer(200, body, headers)
        return self.url(path)

    def seen(self, path):
        return [r for r in self.requests if r.path == path]
