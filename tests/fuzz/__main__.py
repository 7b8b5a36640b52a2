"""Run many inputs, each from a seed of its own: `python -m tests.fuzz --inputs 1000000`."""

import argparse
import random
import shutil
import sys
import tempfile
import time
import warnings
from pathlib import Path

from .targets import TARGETS

# All inputs are small, and so must be what is made of them, were it by one in a million.
MOST_MEGABYTES = 150


def megabytes():
    """The most memory held so far; 0 where that is not told."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(name, count, first, folder):
    path = folder / f"{name}-file"
    started, before, accepted = time.perf_counter(), megabytes(), 0
    for seed in range(first, first + count):
        try:
            accepted += TARGETS[name](random.Random(seed), path)  # noqa: S311
        except Exception:
            sys.stderr.write(f"{name}: seed {seed}\n")
            shutil.copy(path, f"fuzz-{name}-{seed}")
            raise
    seconds, grown = time.perf_counter() - started, megabytes() - before
    sys.stdout.write(
        f"{name}: {count} inputs, {accepted} read, {count - accepted} refused, "
        f"{seconds:.0f} s, memory grew by {grown:.0f} MB\n"
    )
    sys.stdout.flush()
    if grown > MOST_MEGABYTES:
        sys.exit(f"{name}: more than {MOST_MEGABYTES} MB")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets (%(default)s)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="(%(default)s)")
    parser.add_argument("--target", choices=TARGETS, action="append", help="one or more (all)")
    options = parser.parse_args()
    warnings.simplefilter("error")
    names = options.target or list(TARGETS)
    memory = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for name in names:
            run(name, options.inputs // len(names), options.first, Path(folder))


if __name__ == "__main__":
    main()
