"""The machine and the libraries, in words that name nobody's computer."""

from __future__ import annotations

import datetime
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.processes import all_cores

CPUINFO = Path("/proc/cpuinfo")


def describe(versions: Mapping[str, str], data: str) -> str:
    """Markdown: a list."""
    cores = all_cores()
    libraries = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    lines = [
        f"{cpu_model()}, {cores} core{'s' if cores > 1 else ''}, {vector_width()}",
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        libraries,
        f"Data: {data}",
        f"Measured on {datetime.datetime.now(datetime.timezone.utc).date().isoformat()}",
    ]
    return "".join(f"- {line}\n" for line in lines)


def cpu_model() -> str:
    found = _cpuinfo("model name")
    if found:
        return found
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return asked.stdout.strip()
    return platform.processor() or "an unnamed processor"


def vector_width() -> str:
    flags = _cpuinfo("flags").split()
    for flag, words in (("avx512f", "AVX-512"), ("avx2", "AVX2")):
        if flag in flags:
            return words
    return platform.machine()


def _cpuinfo(field: str) -> str:
    if not CPUINFO.exists():
        return ""
    for line in CPUINFO.read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == field:
            return value.strip()
    return ""
