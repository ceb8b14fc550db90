# SPDX-License-Identifier: Apache-2.0
"""What a figure must be read together with: the machine and the versions."""

import contextlib
import os
import platform
import subprocess


def _first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0].strip() if lines else None


def _proc_field(path, field):
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, colon, value = line.partition(":")
            if colon and name.strip() == field:
                return value.strip()
    return None


def _file_system(directory):
    """Type, device and options of the mount that holds the directory."""
    best = ("", {})
    path = os.path.realpath(directory)
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        for line in mounts:
            left, _, right = line.partition(" - ")
            point = left.split()[4].replace("\\040", " ")
            inside = path == point or path.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                kind, device, options = right.split()[:3]
                best = (point, {"type": kind, "device": device, "options": options})
    return best[1]


def _disk(device):
    """Queue and cache of a block device, where the kernel shows them."""
    queue = f"/sys/class/block/{os.path.basename(device)}/queue"
    found = {}
    for name in ("rotational", "write_cache", "scheduler"):
        with contextlib.suppress(OSError):
            with open(os.path.join(queue, name), encoding="ascii") as value:
                found[name] = value.read().strip()
    return found


def describe(directory, root):
    memory_kib = int((_proc_field("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    file_system = _file_system(directory)
    return {
        "cpu": _proc_field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / (1 << 20), 1),
        "kernel": platform.release(),
        "file_system": file_system,
        "disk": _disk(file_system.get("device", "")),
        "compiler": _first_line(["gcc", "--version"]),
        "openssl": _first_line(["openssl", "version"]),
        "revision": _first_line(["git", "-C", root, "describe", "--always", "--dirty"]),
        "load": os.getloadavg()[0],
    }
