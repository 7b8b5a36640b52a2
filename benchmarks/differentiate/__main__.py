"""Print the tables of docs/differentiate.md: python -m benchmarks.differentiate."""

from __future__ import annotations

import argparse

from benchmarks.differentiate import accuracy, hard, timing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.differentiate", description=__doc__)
    parser.add_argument("part", nargs="?", choices=("accuracy", "hard", "time"))
    parser.add_argument("--points", type=int, default=accuracy.POINTS, help="for each function")
    parser.add_argument("--whole", action="store_true", help="every function of every contender")
    arguments = parser.parse_args()
    if arguments.part in (None, "accuracy"):
        print(accuracy.measure(arguments.points, whole=arguments.whole))
    if arguments.part in (None, "hard"):
        print(hard.measure())
    if arguments.part in (None, "time"):
        print(timing.measure())


if __name__ == "__main__":
    main()
