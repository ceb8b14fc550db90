# SPDX-License-Identifier: Apache-2.0
"""The rows of the benchmark table: what each measures and against what.

A row is a function of one Bench (see main.py). `bench.server` is None when only floors
and peers are wanted; then `ours` is None and the line has no value of ours.
"""

import concurrent.futures
import os
import re
import statistics
import subprocess
import time

from .errors import BenchError
from .measure import race, report
from .person import Person, curl_upload, family
from .testbed import MemoryWatch, delete_tree, download_tar, drop_cache, fill_cache, move, node_document
from .webserver import write_file

ROWS = {}

MANY_CONNECTIONS = 32
SMALL_CONNECTIONS = 16
SMALL_SIZE = 4096
SMALL_WAYS = {"parallel": [], "steps": ["-w", "steps"], "steps, direct": ["-w", "steps", "-o"],
              "uring": ["-w", "uring"]}
MOVES_A_ROUND = 20
CUTOUT_REPEAT = 10
UPLOADS = 64


class Row:
    def __init__(self, function, disk_gib, needs_server, about):
        self.run = function
        self.disk_gib = disk_gib  # free space it wants
        self.needs_server = needs_server  # nothing to measure without
        self.about = about


def row(name, disk_gib=1, needs_server=False):
    def register(function):
        about = function.__doc__.strip().splitlines()[0].rstrip(".")
        ROWS[name] = Row(function, disk_gib, needs_server, about)
        return function
    return register


def megabytes_a_second(result):
    return result["bytes"] / statistics.median(result["seconds"]) / 1e6


# Large files


def put_once(bench, base, credentials):
    """MB/s of one large upload of a new file, which is deleted again."""
    path = f"/alice/{bench.fresh('big')}"
    result = bench.tools.run("bench-put", "-s", bench.large, "-k", *credentials,
                             f"{base}/files{path}")
    bench.server.must(200, "DELETE", f"/nodes{path}")
    return megabytes_a_second(result)


def put_large_floor(bench):
    directories = bench.four_directories()
    return lambda: bench.tools.run("floor-put-large", "-s", bench.large, *directories)["value"]


@row("put-large", disk_gib=32)
def put_large(bench):
    """one durable upload, plain, against TCP + MD5 + four direct writes + fsync"""
    server = bench.server
    ours = server and (lambda: put_once(bench, server.plain, server.as_alice))
    values, floors = race(bench.rounds, ours, {"floor": put_large_floor(bench)})
    report("put-large", "MB/s", values, floors)


@row("put-large-tls", disk_gib=32, needs_server=True)
def put_large_tls(bench):
    """the same with TLS and a client certificate, against the same (plain) floor"""
    server = bench.server
    values, floors = race(bench.rounds,
                          lambda: put_once(bench, server.tls, server.with_certificate),
                          {"floor": put_large_floor(bench)})
    report("put-large-tls", "MB/s", values, floors)


@row("browser-upload", disk_gib=12, needs_server=True)
def browser_upload(bench):
    """a large file chosen on the web page until it says that it is right, against curl -T by TLS"""
    server = bench.server
    local = os.path.join(bench.directory("upload"), "large.bin")
    write_file(local, bench.large)
    fill_cache(local)
    gib = bench.large / (1 << 30)
    costs = {"chromium": [], "server": [], "curl": [], "server_of_curl": [], "memory": []}

    def measured(send, of_server):
        """MB/s of one upload of a new name, which is deleted again."""
        name = bench.fresh("page") + ".bin"
        link = os.path.join(os.path.dirname(local), name)
        os.link(local, link)
        before = family(server.pid)[server.pid]
        took = send(link, f"/alice/{name}")
        costs[of_server].append((family(server.pid)[server.pid] - before) / gib)
        server.must(200, "DELETE", f"/nodes/alice/{name}")
        os.unlink(link)
        return bench.large / took / 1e6

    def by_page(link, _):
        took = person.upload(link)
        costs["chromium"].append(person.cpu_s / gib)
        costs["memory"].append(person.memory_mib)
        return took

    def by_curl(link, target):
        took, cpu_s = curl_upload(server, link, target)
        costs["curl"].append(cpu_s / gib)
        return took

    person = Person(server)
    try:
        values, peers = race(bench.rounds, lambda: measured(by_page, "server"),
                             {"curl": lambda: measured(by_curl, "server_of_curl")})
    finally:
        person.close()
    pairs = [own / peer for own, peer in zip(values, peers["curl"])]
    report("browser-upload", "MB/s", values, peers, ratio_range=[round(min(pairs), 3), round(max(pairs), 3)],
           cpu_s_per_gib={side: round(statistics.median(costs[side]), 2) for side in costs if side != "memory"},
           browser_process_mib=round(max(costs["memory"])))


def public_large_file(bench):
    """The same bytes in nginx's root and as a public file; (nginx path, URL of ours)."""
    if "large" not in bench.prepared:
        local = bench.nginx.add("large", bench.large)
        url = None
        if bench.server:
            path = "/public/large"
            bench.server.create("DataNode", path, ispublic="true")
            bench.tools.run("bench-put", "-b", local, *bench.server.as_alice,
                            f"{bench.server.plain}/files{path}")
            url = bench.server.byte_url(path, alice=False)
        bench.prepared["large"] = (local, url)
    return bench.prepared["large"]


def get_once(bench, url):
    result = bench.tools.run("bench-put", url)
    if result["bytes"] != bench.large:
        raise BenchError(f"{url}: {result['bytes']} bytes instead of {bench.large}")
    return megabytes_a_second(result)


@row("get-large-cached", disk_gib=6)
def get_large_cached(bench):
    """one download from the page cache, plain, against nginx with sendfile"""
    local, url = public_large_file(bench)
    fill_cache(local)
    if url:
        bench.server.fill_caches(bench.large)
    values, peers = race(bench.rounds, url and (lambda: get_once(bench, url)),
                         {"nginx": lambda: get_once(bench, bench.nginx.url + "/large")})
    report("get-large-cached", "MB/s", values, peers)


@row("get-large-uncached", disk_gib=6)
def get_large_uncached(bench):
    """one download from the disk, plain, against nginx with sendfile"""
    local, url = public_large_file(bench)

    def ours():
        bench.server.drop_caches(bench.large)
        return get_once(bench, url)

    def peer():
        drop_cache(local)
        return get_once(bench, bench.nginx.url + "/large")

    values, peers = race(bench.rounds, url and ours, {"nginx": peer})
    report("get-large-uncached", "MB/s", values, peers)


# Small files and nodes


def load(bench, *arguments, **limits):
    """bench-load for the usual time; its rate. Whatever answer is not expected raises."""
    return bench.tools.run("bench-load", "-d", bench.seconds, *arguments, **limits)["rate"]


@row("put-small", disk_gib=4)
def put_small(bench):
    """4 KiB files, 16 connections, durable, against tmp + fsync + rename + fsync in four places"""
    server = bench.server

    def ours():
        name = bench.fresh("small")
        server.create("ContainerNode", f"/alice/{name}")
        return load(bench, "-m", "PUT", "-c", SMALL_CONNECTIONS, "-s", SMALL_SIZE, "-e", 201,
                    "-b", bench.text("small", "file {n}\n"), *server.as_alice,
                    f"{server.plain}/files/alice/{name}/s-{{n}}.dat")

    def floor(way):
        return lambda: bench.tools.run(
            "floor-put-small", *way, "-c", SMALL_CONNECTIONS, "-s", SMALL_SIZE,
            "-d", bench.seconds, *bench.four_directories())["value"]

    floors = {name: floor(way) for name, way in SMALL_WAYS.items()}
    values, floors = race(bench.rounds, server and ours, floors)
    report("put-small", "files/s", values, floors)


def fill_container(bench, path, kind, *how_long):
    """Nodes n-0, n-1, ... made through the server; bench-load's result."""
    document = bench.text(bench.fresh("node"), node_document(kind, bench.server.uri(path + "/n-{n}")))
    return bench.tools.run("bench-load", "-m", "PUT", "-c", MANY_CONNECTIONS, "-e", 201,
                           "-H", "Content-Type: text/xml", "-b", document, *how_long,
                           *bench.server.as_alice, f"{bench.server.plain}/nodes{path}/n-{{n}}")


@row("create-node")
def create_node(bench):
    """container nodes, 32 connections, durable, against LMDB with group commit and four journals"""
    def ours():
        path = f"/alice/{bench.fresh('nodes')}"
        bench.server.create("ContainerNode", path)
        return fill_container(bench, path, "ContainerNode", "-d", bench.seconds)["rate"]

    def floor():
        return bench.tools.run("floor-create-node", "-c", MANY_CONNECTIONS, "-d", bench.seconds, "-j", 4,
                               bench.directory("lmdb"))["value"]

    values, floors = race(bench.rounds, bench.server and ours, {"floor": floor})
    report("create-node", "nodes/s", values, floors)


NODE_SIZE_WITHOUT_SERVER = 1400  # of nginx's file when there is no answer to take it from


def public_node(bench):
    """A public node and nginx's file of the same size; the path of both below their base."""
    if "node" not in bench.prepared:
        size = NODE_SIZE_WITHOUT_SERVER
        if bench.server:
            bench.server.create("DataNode", "/public/one", ispublic="true")
            _, body = bench.server.must(200, "GET", "/nodes/public/one?limit=0", alice=False)
            size = len(body)
        bench.nginx.add("node", size)
        bench.prepared["node"] = size
    return bench.prepared["node"]


def race_node(bench, name, base, credentials, peer_base, peer_credentials):
    size = public_node(bench)
    ours = base and (lambda: load(bench, "-c", MANY_CONNECTIONS, *credentials,
                                  f"{base}/nodes/public/one?limit=0"))
    values, peers = race(bench.rounds, ours, {"nginx": lambda: load(
        bench, "-c", MANY_CONNECTIONS, *peer_credentials, f"{peer_base}/node")})
    report(name, "requests/s", values, peers, bytes=size)


@row("get-node")
def get_node(bench):
    """a public node, 32 connections, plain, against nginx with a file of that size"""
    race_node(bench, "get-node", bench.server and bench.server.plain, [], bench.nginx.url, [])


@row("get-node-tls")
def get_node_tls(bench):
    """the same with TLS and a client certificate on both sides"""
    server = bench.server
    race_node(bench, "get-node-tls", server and server.tls, server.with_certificate if server else [],
              bench.nginx.tls_url, ["-E", bench.nginx.certificate])


# A large container


def many_nodes(bench):
    """A container with bench.many nodes, its listing checked once; (path, listing's length)."""
    if "many" not in bench.prepared:
        path = "/alice/many"
        bench.server.create("ContainerNode", path, ispublic="true")
        fill_container(bench, path, "DataNode", "-n", bench.many)
        _, body = bench.server.must(200, "GET", f"/nodes{path}")
        found = len(re.findall(rb"<(?:\w+:)?node[\s>]", body)) - 1
        if found != bench.many:
            raise BenchError(f"the listing has {found} nodes instead of {bench.many}")
        bench.prepared["many"] = (path, len(body))
    return bench.prepared["many"]


@row("list")
def list_container(bench):
    """a container of 100,000 children, against a scan of as many LMDB records"""
    first_byte, first_byte_one, growth, idle = [], [], [], []
    server = bench.server

    def listing(path):
        """Asked by nobody: the hash of a password, once a minute, takes 0.1 s and 32 MiB."""
        return bench.tools.run("bench-put", f"{server.plain}/nodes{path}")

    def ours():
        path, length = many_nodes(bench)
        with MemoryWatch(server) as memory:
            result = listing(path)
        if result["bytes"] != length:
            raise BenchError(f"a listing of {result['bytes']} bytes instead of {length}")
        growth.append((memory.peak_kib - memory.before_kib) / 1024)
        idle.append(memory.before_kib / 1024)
        first_byte.append(result["first_byte"][0] * 1e3)
        first_byte_one.append(listing("/alice/few")["first_byte"][0] * 1e3)
        return bench.many / result["seconds"][0]

    def floor():
        return bench.tools.run("floor-list", "-n", bench.many, bench.directory("lmdb"))["value"]

    if server:
        many_nodes(bench)
        home = node_document("ContainerNode", server.uri("/alice"), ispublic="true")
        server.must(200, "POST", "/nodes/alice", body=home)
        server.create("ContainerNode", "/alice/few", ispublic="true")
        server.create("DataNode", "/alice/few/one")
    values, floors = race(bench.rounds, server and ours, {"floor": floor})
    report("list", "nodes/s", values, floors)
    if server:
        report("list-first-byte", "ms", first_byte, {"listing of one node": first_byte_one},
               better="less")
        report("list-memory", "MiB", growth, {"idle server": idle}, better="less")


@row("move", needs_server=True)
def move_container(bench):
    """a container with 100,000 nodes moved by a job, against a single node"""
    server = bench.server
    path, _ = many_nodes(bench)
    home = f"/alice/{bench.fresh('moved')}"
    single = f"/alice/{bench.fresh('single')}"
    server.create("ContainerNode", home)
    server.create("DataNode", single)

    def there_and_back(source):
        """Milliseconds of a move, the median; it ends where it began."""
        inside = f"{home}/{os.path.basename(source)}"
        times = []
        for _ in range(MOVES_A_ROUND // 2):
            times.append(move(server, source, inside))
            times.append(move(server, inside, source))
        return statistics.median(times) * 1e3

    values, peers = race(bench.rounds, lambda: there_and_back(path),
                         {"single node": lambda: there_and_back(single)})
    report("move", "ms", values, peers, better="less")


COPIES_A_ROUND = 10


@row("copy", disk_gib=6, needs_server=True)
def copy_file(bench):
    """a large file copied by a job, against one of 4 KiB: no byte is touched"""
    server = bench.server
    sources = {"large": bench.large, "small": SMALL_SIZE}
    for name, size in sources.items():
        bench.tools.run("bench-put", "-s", size, "-k", *server.as_alice, f"{server.plain}/files/alice/copy-{name}")

    def copies(name):
        """Milliseconds of a copy, the median."""
        times = []
        for _ in range(COPIES_A_ROUND):
            path = f"/alice/{bench.fresh('copied')}"
            times.append(move(server, f"/alice/copy-{name}", path, keep=True))
            server.must(200, "DELETE", f"/nodes{path}")
        return statistics.median(times) * 1e3

    values, peers = race(bench.rounds, lambda: copies("large"), {"4 KiB": lambda: copies("small")})
    report("copy", "ms", values, peers, better="less", bytes=bench.large)


@row("delete", needs_server=True)
def delete_container(bench):
    """a container with 100,000 nodes deleted by a job, against DELETE of each by 32 connections"""
    server = bench.server
    few = bench.many // 10

    def ours():
        path = f"/alice/{bench.fresh('gone')}"
        server.create("ContainerNode", path)
        fill_container(bench, path, "DataNode", "-n", bench.many)
        return (bench.many + 1) / delete_tree(server, path)

    def peer():
        path = f"/alice/{bench.fresh('gone')}"
        server.create("ContainerNode", path)
        fill_container(bench, path, "DataNode", "-n", few)
        return bench.tools.run("bench-load", "-m", "DELETE", "-c", MANY_CONNECTIONS, "-n", few, "-e", 200,
                               *server.as_alice, f"{server.plain}/nodes{path}/n-{{n}}")["rate"]

    values, peers = race(min(bench.rounds, 3), ours, {"DELETE": peer})
    report("delete", "nodes/s", values, peers)


PACKED = 10000


@row("tar", disk_gib=4, needs_server=True)
def tar_of_small_files(bench):
    """10,000 files of 4 KiB as one tar, against tar reading as many from one directory"""
    server = bench.server
    path, local = "/alice/packed", bench.directory("packed")
    number = PACKED if bench.many > PACKED else bench.many
    server.create("ContainerNode", path)
    bench.tools.run("bench-load", "-m", "PUT", "-c", SMALL_CONNECTIONS, "-n", number, "-s", SMALL_SIZE, "-e", 201,
                    "-b", bench.text("packed", "file {n}\n"), *server.as_alice,
                    f"{server.plain}/files{path}/s-{{n}}.dat", limit_s=900)
    for i in range(number):
        with open(os.path.join(local, f"s-{i}.dat"), "wb") as f:
            f.write(os.urandom(SMALL_SIZE))

    def ours():
        seconds, size = download_tar(server, path)
        if size < number * SMALL_SIZE:
            raise BenchError(f"an archive of {size} bytes for {number} files")
        return number / seconds

    def peer():
        began = time.perf_counter()
        subprocess.run(["sh", "-c", 'exec tar cf - "$1" | cat >/dev/null', "sh", local], check=True,
                       stderr=subprocess.DEVNULL)
        return number / (time.perf_counter() - began)

    values, peers = race(bench.rounds, ours, {"tar": peer})
    report("tar", "files/s", values, peers)


# Downloads while copies are checked and made

READERS = 16
READ_SIZE = 1 << 20
TO_REPAIR = 4000


@row("get-repaired", disk_gib=8, needs_server=True)
def get_while_repaired(bench):
    """p99 of 16 readers of 1 MiB while a location is repaired and all are scrubbed, against without"""
    server = bench.server
    path = f"/public/{bench.fresh('read')}"
    server.create("ContainerNode", path, ispublic="true")
    bench.tools.run("bench-load", "-m", "PUT", "-c", SMALL_CONNECTIONS, "-n", READERS, "-s", READ_SIZE, "-e", 201,
                    "-b", bench.text("read", "file {n}\n"), *server.as_alice, f"{server.plain}/files{path}/r-{{n}}")
    urls = [server.byte_url(f"{path}/r-{n}", alice=False) for n in range(READERS)]

    def read():
        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            results = pool.map(lambda url: bench.tools.run("bench-load", "-d", bench.seconds, url), urls)
            return statistics.median(result["p99_us"] for result in results) / 1000

    def busy():
        folder = f"/alice/{bench.fresh('missed')}"
        server.create("ContainerNode", folder)
        server.tool("location", "offline", "4")
        bench.tools.run("bench-load", "-m", "PUT", "-c", SMALL_CONNECTIONS, "-n", TO_REPAIR, "-s", 64 * 1024,
                        "-e", 201, "-b", bench.text("missed", "file {n}\n"), *server.as_alice,
                        f"{server.plain}/files{folder}/m-{{n}}", limit_s=900)
        server.tool("location", "online", "4")
        server.tool("scrub", "start", "--deep")
        before = server.repairs_due()
        p99 = read()
        if before == 0 or server.repairs_due() == 0:
            raise BenchError("there was nothing to repair, or all was before the reading ended")
        return p99

    def idle():
        server.tool("scrub", "stop")
        end = time.monotonic() + 300
        while server.repairs_due() > 0:
            if time.monotonic() > end:
                raise BenchError("the repair does not end")
            time.sleep(0.2)
        return read()

    values, peers = race(min(bench.rounds, 3), busy, {"idle": idle})
    report("get-repaired", "ms", values, peers, better="less")


# Cutouts

FITS_BLOCK = 2880
PIXEL = 4


class Image:
    """A square image of 32-bit floats as a FITS file, and a square in the middle of it."""

    def __init__(self, side, cut):
        self.side, self.cut = side, cut
        self.first = (side - cut) // 2  # from 0
        cards = ["SIMPLE  =                    T", f"BITPIX  = {-32:20d}", f"NAXIS   = {2:20d}",
                 f"NAXIS1  = {side:20d}", f"NAXIS2  = {side:20d}", "END"]
        self.head = "".join(f"{card:80s}" for card in cards).ljust(FITS_BLOCK).encode("ascii")
        data = side * side * PIXEL
        self.size = len(self.head) + -(-data // FITS_BLOCK) * FITS_BLOCK

    @property
    def section(self):
        last = self.first + self.cut
        return f"%5B0%5D%5B{self.first + 1}:{last},{self.first + 1}:{last}%5D"

    @property
    def floor_options(self):
        return ["-o", len(self.head), "-l", self.side * PIXEL, "-x", self.first * PIXEL,
                "-w", self.cut * PIXEL, "-y", self.first, "-n", self.cut]

    def rows(self, path):
        """The square's bytes as they lie in the file, row after row."""
        with open(path, "rb") as f:
            for y in range(self.first, self.first + self.cut):
                f.seek(len(self.head) + (y * self.side + self.first) * PIXEL)
                yield f.read(self.cut * PIXEL)

    def check(self, path, cutout):
        """The answer must be a FITS file whose pixels are exactly those of the square."""
        data = self.cut * self.cut * PIXEL
        begin = len(cutout) - -(-data // FITS_BLOCK) * FITS_BLOCK
        if begin < FITS_BLOCK or begin % FITS_BLOCK != 0 or not cutout.startswith(b"SIMPLE"):
            raise BenchError(f"the cutout is no FITS file ({len(cutout)} bytes)")
        if cutout[begin:begin + data] != b"".join(self.rows(path)):
            raise BenchError("the cutout has the wrong pixels")


def image_file(bench):
    """The image, its path, and the URL of its cutout."""
    if "image" not in bench.prepared:
        image = Image(bench.image_side, bench.cutout_side)
        local = os.path.join(bench.directory("image"), "image.fits")
        write_file(local, image.size, image.head)
        url = None
        if bench.server:
            path = "/alice/image.fits"
            bench.tools.run("bench-put", "-b", local, *bench.server.as_alice,
                            f"{bench.server.plain}/files{path}")
            url = bench.server.byte_url(path)
            url += ("&" if "?" in url else "?") + "SUB=" + image.section
            image.check(local, bench.server.must(200, "GET", url, alice=False)[1])
        bench.prepared["image"] = (image, local, url)
    return bench.prepared["image"]


def race_cutout(bench, name, cold):
    image, local, url = image_file(bench)
    repeat = 1 if cold else CUTOUT_REPEAT
    if url and not cold:
        bench.server.fill_caches(image.size)

    def ours():
        if cold:
            bench.server.drop_caches(image.size)
        result = bench.tools.run("bench-put", "-r", repeat, url)
        return statistics.median(result["seconds"]) * 1e3

    def floor():
        return bench.tools.run("floor-cutout", *(["-c"] if cold else []), "-r", repeat,
                               *image.floor_options, local)["value"]

    values, floors = race(bench.rounds, url and ours, {"floor": floor})
    report(name, "ms", values, floors, better="less")


@row("cutout-warm", disk_gib=6)
def cutout_warm(bench):
    """2000 x 2000 pixels out of a 1 GiB image in the page cache, against pread of those rows"""
    race_cutout(bench, "cutout-warm", cold=False)


@row("cutout-cold", disk_gib=6)
def cutout_cold(bench):
    """the same from the disk"""
    race_cutout(bench, "cutout-cold", cold=True)


# Memory


@row("memory", disk_gib=30, needs_server=True)
def memory_of_uploads(bench):
    """peak memory of the server during 64 parallel uploads of 100 MB, against the idle server"""
    server = bench.server
    path = f"/alice/{bench.fresh('uploads')}"
    server.create("ContainerNode", path)
    with MemoryWatch(server) as memory:
        bench.tools.run("bench-load", "-m", "PUT", "-c", UPLOADS, "-n", UPLOADS,
                        "-s", bench.upload, "-e", 201, "-t", 120, *server.as_alice,
                        f"{server.plain}/files{path}/u-{{n}}", limit_s=900)
    for number in range(UPLOADS):
        server.must(200, "DELETE", f"/nodes{path}/u-{number}")
    report("memory", "MiB", [memory.peak_kib / 1024], {"idle server": [memory.before_kib / 1024]},
           better="less")
