"""What `verbose` shows: a bar on a terminal and in a notebook, scikit-learn's lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from kobai._progress import Bar, progress_bar, write_line


class Messages:
    """The messages of one fit, as a context manager."""

    def __init__(self, verbose: bool | int, epochs: int) -> None:
        self._is_verbose = bool(verbose)
        self._epochs = epochs
        self._bar: Bar | None = None

    def __enter__(self) -> Messages:
        """Show the bar."""
        if self._is_verbose:
            self._bar = progress_bar(self._epochs, unit="epoch", leave=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.__exit__(kind, error, traceback)

    def epoch(self, number: int, loss: float, rate: float) -> None:
        """An epoch has ended."""
        if self._bar is None:
            return
        if self._bar.is_drawn:
            self._bar.note(f"loss {loss:.4g}, rate {rate:.3g}")
            self._bar.advance(1)
        else:
            write_line(f"Iteration {number}, loss = {loss:.8f}")

    def score(self, score: float) -> None:
        """What is held out has been scored."""
        if self._bar is not None and not self._bar.is_drawn:
            write_line(f"Validation score: {score:f}")

    def say(self, text: str) -> None:
        """Say it above the bar, if anything is shown."""
        if self._bar is not None:
            write_line(text)
