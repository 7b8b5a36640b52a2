"""What stands in a folder."""

from pathlib import Path


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())
