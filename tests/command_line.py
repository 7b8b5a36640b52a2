"""`kobai` in this process: its exit status and what it prints."""

from kobai import cli


def run(capsys, *arguments):
    """The exit status, and what was printed to either stream."""
    code = cli.main([str(argument) for argument in arguments])
    return code, *capsys.readouterr()


def error_of(capsys, *arguments):
    """The one line that says what is wrong, where nothing was done or printed before."""
    try:
        code, out, err = run(capsys, *arguments)
    except SystemExit as end:
        code, (out, err) = end.code, capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1), (code, out, err)
    return err


def train(capsys, data, *options):
    """`run` of a training."""
    return run(capsys, "train", "--data", data, *options)
