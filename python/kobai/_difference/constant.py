"""A word where a function gave the same number wherever it was asked."""

from __future__ import annotations

import warnings


def warn_of_a_constant(name: str, why_copied: str, *, stacklevel: int = 3) -> None:
    """Warn that f may be reading the array called `name` itself, of which copies were moved."""
    warnings.warn(
        f"the gradient is exactly 0: f gave the same number wherever it was asked. {name} was "
        f"copied, because {why_copied}, and only copies of it were moved. If f reads {name} "
        "itself, as lambda _: loss(W) reads W, let it read its argument, or pass "
        "numerical_gradient a writable float array that f reads. If f is constant here, all is "
        "well",
        UserWarning,
        stacklevel=stacklevel,
    )
