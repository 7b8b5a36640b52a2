"""kobai's threads among those that threadpoolctl lists and limits."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import threadpoolctl

from kobai import _core
from kobai._threads import num_threads, set_num_threads


class Threads(threadpoolctl.LibController):
    """The core as threadpoolctl controls it."""

    user_api = "kobai"
    internal_api = "kobai"
    filename_prefixes: ClassVar[tuple[str, ...]] = (Path(_core.__file__).name,)
    check_symbols: ClassVar[tuple[str, ...]] = ("PyInit__core",)

    def get_num_threads(self) -> int:
        """How many threads computations use."""
        return num_threads()

    def set_num_threads(self, num_threads: int) -> None:
        """Let computations use so many threads."""
        set_num_threads(num_threads)

    def get_version(self) -> str:
        """The version of kobai."""
        return _core.__version__


def register() -> None:
    """Make threadpoolctl list and limit kobai's threads, where it is new enough."""
    if hasattr(threadpoolctl, "register"):
        threadpoolctl.register(Threads)
