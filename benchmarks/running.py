"""How many threads of a process and its descendants run at once, sampled by a process of its own.

python -m benchmarks.running PID: samples until its input ends, and prints what was seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.problem import ROOT

# Between two samples; reading the states of some threads takes a fraction of a millisecond.
_PAUSE = 0.002
# Between two looks for processes that are new.
_LOOK = 0.1
PROC = Path("/proc")


@dataclass
class Seen:
    """What was seen of a process and its descendants.

    Attributes
    ----------
    running : Counter
        How many samples saw so many threads running. One that waits for a core counts as running.
    in_descendants : Counter
        The same without the threads of the process itself.
    processor_seconds : float
        What those that lived at the end had taken since the beginning.
    """

    running: Counter[int] = field(default_factory=Counter)
    in_descendants: Counter[int] = field(default_factory=Counter)
    processor_seconds: float = 0.0


@contextmanager
def watched() -> Iterator[Seen]:
    """What this process and its descendants do; there at the end, and nothing without /proc."""
    seen = Seen()
    if not PROC.joinpath("self", "task").is_dir():
        yield seen
        return
    sampler = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.running", str(os.getpid())],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert sampler.stdout is not None
        sampler.stdout.readline()
        yield seen
    finally:
        told, _ = sampler.communicate()
        running, descendants, seen.processor_seconds = json.loads(told)
        seen.running.update({int(number): count for number, count in running.items()})
        seen.in_descendants.update({int(number): count for number, count in descendants.items()})


def main() -> None:
    """Sample until standard input ends."""
    process, own = int(sys.argv[1]), os.getpid()
    is_over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), is_over.set()), daemon=True).start()
    counts: Counter[int] = Counter()
    descendants: Counter[int] = Counter()
    found, looked = _family(process, own), time.monotonic()
    at_first = {each: _processor_seconds(each) for each in found}
    print("ready", flush=True)
    while not is_over.is_set():
        itself, *others = map(_running, found)
        counts[itself + sum(others)] += 1
        descendants[sum(others)] += 1
        time.sleep(_PAUSE)
        if time.monotonic() - looked > _LOOK:
            found, looked = _family(process, own), time.monotonic()
    taken = sum(_processor_seconds(each) - at_first.get(each, 0.0) for each in found)
    print(json.dumps([counts, descendants, taken]))


def _family(process: int, but: int) -> list[int]:
    """The process and its descendants, but one."""
    parents = {}
    for folder in PROC.iterdir():
        if folder.name.isdecimal() and (fields := _fields(folder)):
            parents[int(folder.name)] = int(fields[1])
    found = [process]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each and child != but]
    return found


def _running(process: int) -> int:
    try:
        threads = list(PROC.joinpath(str(process), "task").iterdir())
    except OSError:  # it has ended
        return 0
    return sum(_fields(thread)[:1] == ["R"] for thread in threads)


def _processor_seconds(process: int) -> float:
    ticks = sum(map(int, _fields(PROC / str(process))[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _fields(folder: Path) -> list[str]:
    """State, parent and so on of a process or a thread; nothing of one that has ended."""
    try:
        text = (folder / "stat").read_text()
    except OSError:
        return []
    # The name before may hold anything.
    return text.rpartition(")")[2].split()


if __name__ == "__main__":
    main()
