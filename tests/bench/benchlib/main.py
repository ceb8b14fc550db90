# SPDX-License-Identifier: Apache-2.0
"""scripts/bench: options, the order of things, and their end."""

import argparse
import http.client
import os
import shutil
import signal
import sys
import tempfile

from .errors import BenchError, Skipped
from .machine import describe
from .measure import emit
from .rows import ROWS
from .testbed import Testbed
from .tools import Clock, Tools
from .webserver import WebServer, find_nginx

GIB = 1 << 30

DESCRIPTION = """\
Measures the server against what the machine allows (floors: small C programs) and
against nginx, in turn in the same run, and prints one JSON object a line: first the
machine, then for each row the median of ours (value), of the floor or peer (vs), and
value / vs (ratio). Figures of different machines or runs are not comparable, ratios
nearly are. What it needs (nginx for the get rows) is installed first on Debian.
"""


class Bench:
    """What a row works with. Server and nginx start when the first row asks for them."""

    def __init__(self, options, directory, tools, clock):
        self.tools = tools
        self.rounds = options.rounds or (1 if options.quick else 5)
        self.seconds = 1 if options.quick else 5
        self.large = GIB // 16 if options.quick else options.gib * GIB
        self.many = options.nodes or (2000 if options.quick else 100000)
        self.image_side = 4096 if options.quick else 16384
        self.cutout_side = 500 if options.quick else 2000
        self.upload = 2000000 if options.quick else 100000000
        self.prepared = {}  # what several rows share, by name
        self._options = options
        self._clock = clock
        self._dir = directory
        self._count = 0
        self._server = None
        self._server_problem = None
        self._nginx = None

    @property
    def server(self):
        """None with --floors. One that did not start is not tried again."""
        if self._options.floors:
            return None
        if self._server_problem is not None:
            raise self._server_problem
        if self._server is None:
            try:
                self._server = Testbed(self._options.testbed, os.path.join(self._dir, "testbed"),
                                       self._clock)
            except (BenchError, OSError) as problem:
                self._server_problem = BenchError(f"no server: {problem}")
                raise self._server_problem from problem
        return self._server

    @property
    def nginx(self):
        if self._nginx is None:
            client_ca = self.server.env["QUARTET_CA"] if self.server else None
            self._nginx = WebServer(self.directory("nginx"), client_ca, self._clock)
        return self._nginx

    def fresh(self, stem):
        """A name not used before in this run."""
        self._count += 1
        return f"{stem}-{self._count}"

    def directory(self, stem):
        """A new, empty directory on the disk that is measured."""
        path = os.path.join(self._dir, self.fresh(stem))
        os.makedirs(path)
        return path

    def four_directories(self):
        return [self.directory("location") for _ in range(4)]

    def text(self, name, content):
        """A file with that content, for programs that read their body from one."""
        path = os.path.join(self._dir, name + ".body")
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
        return path

    def check_space(self, row):
        free_gib = shutil.disk_usage(self._dir).free / GIB
        needed_gib = row.disk_gib * self._options.gib
        if not self._options.quick and free_gib < needed_gib:
            raise BenchError(f"{needed_gib} GiB of free space are needed, {free_gib:.0f} are there")

    def close(self):
        """End nginx and the server; False if that failed."""
        try:
            if self._nginx is not None:
                self._nginx.close()
            if self._server is not None:
                self._server.close()
        except (BenchError, OSError) as problem:
            print(f"bench: {problem}", file=sys.stderr)
            return False
        return True


def parse_options(root):
    parser = argparse.ArgumentParser(
        prog="bench", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="rows:\n" + "\n".join(f"  {name:20s}{row.about}" for name, row in ROWS.items()))
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows to measure (all)")
    parser.add_argument("--floors", action="store_true",
                        help="floors and peers only; no server is started")
    parser.add_argument("--quick", action="store_true",
                        help="small sizes, one round: shows that everything runs, no figures to quote")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each row (5)")
    parser.add_argument("--gib", type=int, metavar="N", default=1,
                        help="size in GiB of the large file of put-large, get-large and copy (1)")
    parser.add_argument("--nodes", type=int, metavar="N",
                        help="nodes of the rows list, move and delete (100000)")
    parser.add_argument("--dir", default=os.path.join(root, "build"), metavar="DIR",
                        help="where files are written: the disk that is measured (build)")
    parser.add_argument("--keep", action="store_true", help="leave what was written")
    parser.add_argument("--limit", type=float, default=3600, metavar="SECONDS",
                        help="start nothing more after that time (3600)")
    parser.add_argument("--testbed", default=os.path.join(root, "scripts", "testbed"),
                        metavar="PROGRAM", help="starts the server (scripts/testbed)")
    parser.add_argument("--build", default=os.path.join(root, "build", "bench"), metavar="DIR",
                        help="build directory of the C programs (build/bench)")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def check_programs(names):
    """What Debian's packages must bring; says all that is missing at once."""
    wanted = {"cmake": "cmake", "ninja": "ninja-build", "gcc": "gcc", "openssl": "openssl"}
    missing = [package for program, package in wanted.items() if shutil.which(program) is None]
    if find_nginx() is None and any(name.startswith("get-") for name in names):
        missing.append("nginx-light")
    if missing:
        raise BenchError("missing; on Debian: apt install " + " ".join(missing))


def run_rows(bench, options, names):
    """All rows in turn; how many failed."""
    failed = 0
    for name in names:
        row = ROWS[name]
        if options.floors and row.needs_server:
            continue
        try:
            bench.check_space(row)
            row.run(bench)
        except Skipped as reason:
            emit({"bench": name, "skipped": str(reason)})
        except (BenchError, OSError, http.client.HTTPException) as problem:
            failed += 1
            emit({"bench": name, "error": str(problem)})
    return failed


def main(root):
    options = parse_options(root)
    names = options.names or list(ROWS)
    # So that servers are ended and files removed on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    clock = Clock(options.limit)
    tools = Tools(options.build, clock)
    try:
        check_programs(names)
        tools.build(root)
        os.makedirs(options.dir, exist_ok=True)
    except (BenchError, OSError) as problem:
        sys.exit(f"bench: {problem}")
    directory = tempfile.mkdtemp(prefix="bench-", dir=options.dir)
    bench = Bench(options, directory, tools, clock)
    emit({"machine": describe(directory, root)})
    try:
        failed = run_rows(bench, options, names)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # What a server that still runs has open is not taken away from it.
        if bench.close() and not options.keep:
            shutil.rmtree(directory)
        else:
            print(f"bench: files are left in {directory}", file=sys.stderr)
    sys.exit(1 if failed else 0)
