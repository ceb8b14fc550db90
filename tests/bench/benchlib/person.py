# SPDX-License-Identifier: Apache-2.0
"""Somebody at the web page: the Chromium of the tests, its uploads, and what they cost."""

import collections
import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

from .errors import BenchError, Skipped

UPLOAD_LIMIT_S = 600
LOOK_S = 0.02
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
MISSING = "Chromium and Selenium are not installed (scripts/install-packages test)"
SUPPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "support")

Bed = collections.namedtuple("Bed", "host port")  # all that the page asks of one


def processes():
    """{pid: (parent, CPU seconds)} of all."""
    found = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if name.isdigit():
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                    fields = f.read().rpartition(")")[2].split()
                found[int(name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return found


def family(root):
    """The CPU seconds of a process and of all that descend from it, by pid."""
    everybody = processes()
    inside = {root: everybody[root][1]} if root in everybody else {}
    grown = True
    while grown:
        more = {pid: cpu for pid, (parent, cpu) in everybody.items() if parent in inside and pid not in inside}
        inside.update(more)
        grown = bool(more)
    return inside


def memory_mib(root):
    """RssAnon of the largest process of a family: what holds the file's bytes, if any does."""
    largest = 0
    for pid in family(root):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
            largest = max([largest, *(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))])
    return largest / 1024


class Person:
    """Alice, signed in, in her folder; `cpu_s` and `memory_mib` are those of the last upload."""

    def __init__(self, server):
        sys.path.append(SUPPORT)
        try:
            import browser
        except ImportError as problem:
            raise Skipped(f"{problem}: {MISSING}") from problem
        if browser.webdriver is None or not os.path.exists(browser.CHROMIUM) or not os.path.exists(browser.DRIVER):
            raise Skipped(MISSING)
        url = urllib.parse.urlsplit(server.tls)
        self.page = browser.Page(Bed(url.hostname, url.port))
        try:
            self.page.go("/page/signin?next=/browse/alice")
            self.page.fill("username", "alice")
            self.page.fill("password", server.env["QUARTET_PASS_ALICE"])
            self.page.click("signin", "//main")
            self.page.one("#pick-files")
        except BaseException:
            self.close()
            raise
        self._root = self.page.driver.service.process.pid
        self.cpu_s = self.memory_mib = 0

    def upload(self, path):
        """Seconds from the choice of a file to the words that say it is there and right."""
        before = sum(family(self._root).values())
        end = threading.Event()
        self.memory_mib = 0

        def watch():
            while not end.wait(0.1):
                self.memory_mib = max(self.memory_mib, memory_mib(self._root))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            began = time.perf_counter()
            self.page.upload(path)
            took = self._wait_for(os.path.basename(path), began)
        finally:
            end.set()
            watcher.join()
        self.cpu_s = sum(family(self._root).values()) - before
        return took

    def _wait_for(self, name, began):
        verified, said = self.page.words["verified"], ""
        while (took := time.perf_counter() - began) < UPLOAD_LIMIT_S:
            said = self.page.js(
                "return [...document.querySelectorAll('#tasks > *')].map(e => e.innerText).find(s => s.includes(arguments[0])) ?? ''", name)
            if verified in said:
                return took
            if self.page.words["retry"] in said:
                break
            time.sleep(LOOK_S)
        raise BenchError(f"the upload by the page failed: {said}")

    def close(self):
        self.page.close()


def curl_upload(server, path, target):
    """(seconds, CPU seconds) of `curl -T` with a certificate: TLS, and no checksum."""
    if shutil.which("curl") is None:
        raise Skipped("curl is not installed (scripts/install-packages serve)")
    command = ["curl", "-sS", "--http1.1", "-o", os.devnull, "-w", "%{http_code}", "--cacert", server.env["QUARTET_CA"],
               "--cert", server.env["QUARTET_CERT_ALICE"], "-T", path, f"{server.tls}/files{target}"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        status = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    took = time.perf_counter() - began
    if status != b"201":
        raise BenchError(f"curl: {status!r}")
    return took, usage.ru_utime + usage.ru_stime
