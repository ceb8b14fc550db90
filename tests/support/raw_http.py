# SPDX-License-Identifier: Apache-2.0
"""HTTP by hand: exact bytes out, answers read to their exact end.

    with Raw(bed, "alice") as raw:
        raw.send(b"GET /vault/nodes/alice HTTP/1.1\\r\\n...")
        answer = raw.answer()          # status, headers (lower-case names), body

Ended is raised where an answer should be and the connection has ended instead.
"""

import socket
import ssl
from dataclasses import dataclass

LIMIT_S = 30


class Ended(Exception):
    """The server closed the connection."""


@dataclass
class RawAnswer:
    status: int
    headers: dict
    body: bytes

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


class Raw:
    """One TLS connection; `limit_s` is how long the server may be silent."""

    def __init__(self, bed, user=None, limit_s=LIMIT_S, receive_buffer=None):
        self.raw = socket.socket()
        self.raw.settimeout(limit_s)
        if receive_buffer is not None:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.raw.connect(("127.0.0.1", bed.port))
        context = bed.tls(user)
        # An end without close_notify must show as what it is.
        self.tls = context.wrap_socket(self.raw, server_hostname=bed.host,
                                       suppress_ragged_eofs=False)
        self.host = bed.env["QUARTET_HOST"]
        self.have = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data)

    def request(self, method, target, headers=(), body=b"", version="1.1"):
        """A well-formed head, Host included, and the body as it is."""
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self.host}", *headers, "", ""]
        self.send("\r\n".join(lines).encode() + body)

    def more(self):
        data = self.tls.recv(65536)
        if not data:
            raise Ended
        self.have += data

    def take(self, size):
        while len(self.have) < size:
            self.more()
        data = bytes(self.have[:size])
        del self.have[:size]
        return data

    def line(self):
        while b"\r\n" not in self.have:
            self.more()
        line = self.take(self.have.index(b"\r\n"))
        del self.have[:2]
        return line

    def head(self):
        version, status, _ = self.line().split(b" ", 2)
        assert version == b"HTTP/1.1", version
        headers = {}
        while line := self.line():
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode("latin-1")
        return int(status), headers

    def chunks(self):
        body = b""
        while size := int(self.line().split(b";")[0], 16):
            body += self.take(size)
            assert self.line() == b""
        while self.line():
            pass
        return body

    def answer(self, is_head=False):
        status, headers = self.head()
        if is_head or status in (204, 304) or status < 200:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self.chunks()
        elif "content-length" in headers:
            body = self.take(int(headers["content-length"]))
        else:
            body = self.rest()
        return RawAnswer(status, headers, body)

    def rest(self):
        """Everything up to a clean end."""
        try:
            while True:
                self.more()
        except Ended:
            return self.take(len(self.have))

    def ends_cleanly(self):
        """Nothing more comes but close_notify."""
        try:
            return self.rest() == b""
        except (ssl.SSLError, ConnectionError):
            return False
