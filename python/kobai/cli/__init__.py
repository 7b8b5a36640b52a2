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

# What a command raises where it was asked for what cannot be done; a warning, where Python was told
# to make errors of them.
_EXPECTED = (ValueError, TypeError, ImportError, OSError, MemoryError, OverflowError, Warning)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Whatever becomes of standard output, the command goes on: a reader that has left (as in
    ``kobai train | head``) ends the report, not the training. Where it cannot be written for
    another reason, the last line on standard error says so, and the status is 2.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; `sys.argv` by default.

    Returns
    -------
    int
        The exit status: 0; 1 if `kobai check` finds gradients that disagree; 2 after an error,
        which is told in one line on standard error; 130 after Ctrl-C.

    Raises
    ------
    SystemExit
        From ``--help`` and ``--version``, and with status 2 where the arguments are none that a
        command takes.

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
        if not _is_told(output, "kobai"):
            raise SystemExit(FAILED) from end
        raise
    return status if _is_told(output, f"kobai {options.command}") else status or FAILED


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


def _is_told(output: Output, program: str) -> bool:
    """Whether all that was to be printed has been, or was not wanted any more."""
    output.close()
    if output.failure is not None:
        complain(f"{program}: error: standard output could not be written: {output.failure}")
    return output.failure is None
