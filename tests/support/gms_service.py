# SPDX-License-Identifier: Apache-2.0
"""An outside group service: https with a client certificate or a bearer token, and answers as a test wants them.

    service = GmsService.start()
    service.members["a-group"] = {"alice"}    # by the names of accounts
    bed = Testbed.start(settings=service.settings())
    service.calls                             # whom it was asked about
"""

import contextlib
import http.server
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import threading
import urllib.parse

from quartet_test import TOP

AUTHORITY = "ivo://gms.example.org/gms"
TOKEN = "the token of the service"
WAIT_S = 60


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = WAIT_S

    def log_message(self, *_):
        pass

    def answer(self, status, kind, text, headers=None):
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def is_trusted(self):
        subject = dict(part[0] for part in (self.connection.getpeercert() or {}).get("subject", ()))
        return subject.get("commonName") == "quartet" or self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def do_GET(self):
        with contextlib.suppress(OSError):  # whoever broke off knows
            self.server.service.serve(self)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, service, port):
        super().__init__(("127.0.0.1", port), Handler)
        self.service = service
        self.open = set()

    def finish_request(self, request, client_address):
        request.settimeout(WAIT_S)
        try:
            with self.service.tls.wrap_socket(request, server_side=True) as secure:
                self.open.add(secure)
                self.service.connections += 1
                try:
                    self.RequestHandlerClass(secure, client_address, self)
                finally:
                    self.open.discard(secure)
        except OSError:
            pass  # a client that does not like us, or went away

    def handle_error(self, request, client_address):
        pass


class GmsService:
    def __init__(self, folder, id_type, form):
        self.folder, self.id_type, self.form = folder, id_type, form
        self.members = {}
        self.calls, self.nobodies, self.connections = [], 0, 0
        self.heeds = True  # the ID it is asked about; else it answers for who asks
        self.own_groups = set()
        self.refuses = {}  # name: (status, type, text), which is the answer about that one
        self.headers = {}
        self.say = None  # (status, type, text) to everything
        self.gate = threading.Event()  # closed, it hangs
        self.gate.set()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
        self.tls.load_verify_locations(os.path.join(folder, "ca.pem"))
        self.tls.verify_mode = ssl.CERT_OPTIONAL
        self.server, self.port = None, 0
        self.up()

    @classmethod
    def start(cls, id_type="X500", form="text"):
        folder = tempfile.mkdtemp(prefix="quartet-gms-")
        subprocess.run([os.path.join(TOP, "scripts", "make-test-ca"), folder, "--user", "quartet=CN=quartet,O=services",
                        "--user", "stranger=CN=stranger,O=services"], check=True, stdout=subprocess.DEVNULL, timeout=60)
        with open(os.path.join(folder, "token"), "w", encoding="utf-8") as f:
            f.write(TOKEN + "\n")
        return cls(folder, id_type, form)

    def up(self):
        self.server = Server(self, self.port)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        """Connections are refused, and those there are end."""
        if self.server is None:
            return
        self.server.shutdown()
        self.server.server_close()
        for one in list(self.server.open):
            with contextlib.suppress(OSError):
                one.shutdown(2)
        self.server = None

    def close(self):
        self.gate.set()
        self.down()
        shutil.rmtree(self.folder, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.folder, name)

    def settings(self, **more):
        values = {"gms_url": f"https://localhost:{self.port}/ac/search", "gms_authorities": AUTHORITY,
                  "gms_id": self.id_type, "gms_certificate": self.file("quartet.pem"), "gms_ca": self.file("ca.pem"),
                  "gms_timeout": "1s", "gms_life": "2s", "gms_negative_life": "2s", "gms_retry": "1s"} | more
        return [f"{name}={value}" for name, value in values.items() if value is not None]

    def calls_about(self, name):
        return self.calls.count(name)

    def name_in(self, query):
        """Whom it is asked about; None: nobody. A question in another form has no name."""
        if query["ROLE"] != "member" or query["IDTYPE"] != self.id_type:
            return "?"
        found = query["ID"] if self.id_type == "HTTP" else \
            (re.fullmatch(r"CN=([^,]+),OU=(?:users|nobody)(?:,O=[^,]+)?", query["ID"]) or ["", "?"])[1]
        return None if found.startswith("nobody-") else found

    def serve(self, request):
        url = urllib.parse.urlsplit(request.path)
        name = self.name_in(dict(urllib.parse.parse_qsl(url.query)))
        if name is None:
            self.nobodies += 1
        else:
            self.calls.append(name)
        self.gate.wait(WAIT_S)
        if self.say is not None:
            request.answer(*self.say)
        elif not request.is_trusted():
            request.answer(403, "text/plain", "who are you?")
        elif name in self.refuses:
            request.answer(*self.refuses[name])
        else:
            groups = {g for g, who in self.members.items() if name in who} if self.heeds else self.own_groups
            self.answer_groups(request, sorted(groups))

    def answer_groups(self, request, groups):
        if self.form == "text":
            request.answer(200, "text/plain", "".join(g + "\r\n" for g in groups), self.headers)
        else:
            request.answer(200, "text/xml", "<groups>" + "".join(f'<group uri="{self.uri(g)}"/>' for g in groups) + "</groups>",
                           self.headers)

    authority = AUTHORITY

    def uri(self, group):
        return f"{self.authority}?{group}"
