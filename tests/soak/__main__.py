"""`python -m tests.soak --calls 100000`: random calls, and how much memory is left behind."""

# ruff: noqa: T201 (a report to a terminal)

import argparse
import contextlib
import ctypes
import gc
import os
import sys
import time
from pathlib import Path

import matplotlib
from tests.soak.calls import in_a_folder

MEGABYTE = 2**20


def memory():
    """The bytes this process holds in memory; the most it ever held where that is not told."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def settled_memory():
    """What is held when all that is free has been given back to the system."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)  # only the GNU library has and needs it
    return memory()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="how many are counted")
    parser.add_argument("--warm-up", type=int, default=None, help="how many go before those")
    parser.add_argument("--most", type=float, default=5, help="the megabytes memory may grow by")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main():
    matplotlib.use("Agg")
    options = arguments()
    warm_up = options.calls // 10 if options.warm_up is None else options.warm_up
    calls, folder = in_a_folder(options.seed)
    with folder:
        for method in calls.made:
            getattr(calls, method)()
        for _ in range(warm_up):
            calls()
        calls.made = dict.fromkeys(calls.made, 0)
        start, before = time.perf_counter(), settled_memory()
        largest = 0.0
        for part in range(10):
            for _ in range(options.calls // 10):
                calls()
            grown = (settled_memory() - before) / MEGABYTE
            largest = max(largest, grown)
            seconds = time.perf_counter() - start
            print(f"{(part + 1) * 10:3} %  {seconds:6.1f} s  {grown:+.2f} MB", flush=True)
    made = ", ".join(f"{count} {name}" for name, count in calls.made.items())
    print(f"{sum(calls.made.values())} calls: {made}")
    if largest >= options.most:
        sys.exit(f"memory grew by {largest:.2f} MB, {options.most:g} are allowed")
    print(f"memory grew by {largest:.2f} MB at most")


if __name__ == "__main__":
    main()
