# SPDX-License-Identifier: Apache-2.0
"""nginx as the peer for reading: own configuration, own directory, loopback only.

It runs in the foreground as a child of ours and is ended by its process id.
"""

import os
import shutil
import signal
import socket
import subprocess
import time

from .errors import BenchError
from .tools import must_run

START_LIMIT_S = 10
STOP_LIMIT_S = 10

# One error log, no access log, everything it writes below its own directory. The cache of
# open files and the long-lived connections are what a tuned server would have.
CONFIGURATION = """\
{user}
worker_processes 2;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
	access_log off;
	default_type application/octet-stream;
	sendfile on;
	tcp_nopush on;
	open_file_cache max=100 inactive=60s;
	keepalive_requests 1000000000;
	keepalive_timeout 600s;
	client_max_body_size 0;
	client_body_temp_path {dir}/temp;
	proxy_temp_path {dir}/temp;
	fastcgi_temp_path {dir}/temp;
	uwsgi_temp_path {dir}/temp;
	scgi_temp_path {dir}/temp;
	server {{
		listen 127.0.0.1:{port};
		listen 127.0.0.1:{tls_port} ssl;
		ssl_certificate {dir}/server.pem;
		ssl_certificate_key {dir}/server.pem;
		ssl_client_certificate {dir}/ca.pem;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_verify_client optional;
		ssl_verify_depth 4;
		root {dir}/root;
	}}
}}
"""


def find_nginx():
    """Debian keeps it outside a normal user's path."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def make_certificate(path, limit_s):
    """Key and self-signed certificate of localhost in one file."""
    key, certificate = path + ".key", path + ".crt"
    must_run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
              "ec_paramgen_curve:prime256v1", "-nodes", "-days", "7", "-subj", "/CN=localhost",
              "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
              "-keyout", key, "-out", certificate], limit_s)
    with open(path, "wb") as both:
        for part in (key, certificate):
            with open(part, "rb") as piece:
                both.write(piece.read())
    return certificate


def free_ports(count):
    """Ports nobody listens on at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class WebServer:
    """Serves the directory `root`; `certificate` is a PEM it accepts from clients."""

    def __init__(self, directory, client_ca, clock):
        program = find_nginx()
        if program is None:
            raise BenchError("nginx is missing (Debian: apt install nginx-light)")
        self.dir = directory
        self.root = os.path.join(directory, "root")
        os.makedirs(self.root)
        os.makedirs(os.path.join(directory, "temp"))
        own = make_certificate(os.path.join(directory, "server.pem"), clock.limit(30))
        self.certificate = os.path.join(directory, "server.pem")
        self._write_authorities(own, client_ca)
        port, tls_port = free_ports(2)
        self.url = f"http://127.0.0.1:{port}"
        self.tls_url = f"https://127.0.0.1:{tls_port}"
        self._write_configuration(port, tls_port)
        self._process = subprocess.Popen(
            [program, "-e", "stderr", "-p", directory, "-c", os.path.join(directory, "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait_ready(port)

    def _write_authorities(self, own, client_ca):
        with open(os.path.join(self.dir, "ca.pem"), "wb") as both:
            for path in filter(None, (own, client_ca)):
                with open(path, "rb") as piece:
                    both.write(piece.read() + b"\n")

    def _write_configuration(self, port, tls_port):
        # As root it would change to a user who cannot read our directory.
        user = "user root;" if os.geteuid() == 0 else ""
        with open(os.path.join(self.dir, "nginx.conf"), "w", encoding="utf-8") as f:
            f.write(CONFIGURATION.format(user=user, dir=self.dir, port=port, tls_port=tls_port))

    def _wait_ready(self, port):
        end = time.monotonic() + START_LIMIT_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.close()
        raise BenchError(f"nginx does not start: {self._errors()}")

    def _errors(self):
        try:
            with open(os.path.join(self.dir, "error.log"), encoding="utf-8") as log:
                return log.read().strip()[-500:]
        except OSError:
            return "no error log"

    def add(self, name, size):
        """A file of so many bytes below the root; its path."""
        path = os.path.join(self.root, name)
        write_file(path, size)
        return path

    def close(self):
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def write_file(path, size, head=b""):
    """`head`, then bytes no disk can compress, up to `size`; on the disk when it returns."""
    block = os.urandom(1 << 20)
    with open(path, "wb") as f:
        f.write(head)
        left = size - len(head)
        while left > 0:
            left -= f.write(block[:left])
        f.flush()
        os.fsync(f.fileno())
