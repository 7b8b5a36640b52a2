"""The command line: `kobai train`, `kobai evaluate` and `kobai check`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from kobai.cli import check, evaluate, train
from kobai.cli.options import FAILED, parser
from kobai.cli.output import Output, complain

__all__ = ["main"]

_INTERRUPTED = 130

_COMMANDS = {"train": train.run, "evaluate": evaluate.run, "check": check.run}

# The errors that a command may raise because of its options, its files or the machine; a Warning,
# if Python was told to raise warnings.
_EXPECTED = (ValueError, TypeError, ImportError, OSError, MemoryError, OverflowError, Warning)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    If standard output cannot be written, the command goes on. If its reader has left (as in
    ``kobai train | head``), nothing more is printed; otherwise the last line on standard error says
    why, and the status is 2.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; `sys.argv` by default.

    Returns
    -------
    int
        The exit status: 0; 1 if `kobai check` finds gradients that disagree; 2 after an error,
        with one line about it on standard error; 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        From ``--help`` and ``--version``, and with status 2 if the arguments are wrong.

    Examples
    --------
    >>> from kobai.cli import main
    >>> main(["train", "--data", "sample", "--iterations", "100", "--quiet"])
    100 iterations in ... s, ... a second, test accuracy 0...
    0

    An error is a line on standard error and the status 2:

    >>> main(["train", "--data", "sample", "--batch-size", "0"])
    2
    """
    output = Output()
    try:
        options = parser(output).parse_args(arguments)
        output.quiet = getattr(options, "quiet", False)
        status = _run(options.command, options, output)
    except SystemExit as end:
        if not _is_printed(output, "kobai"):
            raise SystemExit(FAILED) from end
        raise
    return status if _is_printed(output, f"kobai {options.command}") else status or FAILED


def _run(command: str, options: Any, output: Output) -> int:
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: complain(
            f"kobai {command}: warning: {message}"
        )
        try:
            return _COMMANDS[command](options, output)
        except _EXPECTED as error:
            complain(f"kobai {command}: error: {str(error) or 'there is not enough memory'}")
            return FAILED
        except KeyboardInterrupt:
            complain(f"kobai {command}: interrupted")
            return _INTERRUPTED


def _is_printed(output: Output, program: str) -> bool:
    """Whether everything was printed, or the reader of standard output has left."""
    output.close()
    if output.failure is not None:
        complain(f"{program}: error: standard output could not be written: {output.failure}")
    return output.failure is None
