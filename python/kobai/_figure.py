"""New figures; matplotlib is imported where one is made."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """A figure of pyplot's, of that size in inches; a notebook shows it once."""
    try:
        import matplotlib
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plotting needs matplotlib: python -m pip install 'kobai[plot]'"
        ) from error
    figure = pyplot.figure(figsize=(width, height), layout="constrained")
    if "inline" in matplotlib.get_backend().lower():
        # IPython calls this method to show an object.
        figure.__dict__["_ipython_display_"] = partial(_leave_pyplot, figure)
    return figure


def _leave_pyplot(figure: Figure) -> NoReturn:
    """Have a notebook show `figure` once.

    The inline backend shows all of pyplot's figures at the end of a cell, and the notebook shows
    the value of the cell's last line: a figure that is both would be there twice.
    """
    from matplotlib import pyplot

    pyplot.close(figure)
    # This tells IPython to show the figure as usual.
    raise NotImplementedError
