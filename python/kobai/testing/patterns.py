"""What a wrong gradient looks like: the sign, a factor, the transpose, what was left out.

A pattern counts only if it explains every element that was looked at within the error bars, so it
needs no tolerance of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kobai.testing.factors import factor_words, fitted_factor
from kobai.testing.verdicts import Codes, Floats, Verdict

Mask = npt.NDArray[np.bool_]


class Part(NamedTuple):
    """An array of the gradient, its elements in their shape.

    Attributes
    ----------
    name : str
        What it is called.
    given, estimate, bar : ndarray
        The gradient, the difference quotients and their error bars, NaN where nobody looked.
    verdict : ndarray
        A `Verdict` for each element.
    at : ndarray
        The point: the parameter itself.
    """

    name: str
    given: Floats
    estimate: Floats
    bar: Floats
    verdict: Codes
    at: Floats

    @property
    def is_wrong(self) -> Mask:
        """The elements that are wrong."""
        wrong: Mask = self.verdict == Verdict.WRONG
        return wrong

    @property
    def seen(self) -> Mask:
        """The elements that have a derivative with a bar, and were given one."""
        is_smooth = (self.verdict != Verdict.KINK) & (self.verdict != Verdict.UNSEEN)
        seen: Mask = is_smooth & np.isfinite(self.given) & np.isfinite(self.estimate)
        return seen

    def only(self, mask: Any) -> Part:
        """Some of the elements, in a row."""
        return Part(self.name, *(array[mask] for array in self[1:]))


class Pattern(NamedTuple):
    """A mistake that explains what was found.

    Attributes
    ----------
    kind : str
        One of ``"sign"``, ``"factor"``, ``"zero"``, ``"transposed"``, ``"decay missing"``,
        ``"decay extra"``, ``"row"``, ``"column"``, ``"element"``, ``"absolute value"``,
        ``"constant"``, ``"clipped"``, ``"order"``, ``"other array"``, ``"rounded"``,
        ``"passed back"``.
    where : tuple of str
        The arrays, rows, columns or elements that it explains.
    text : str
        What it looks like, for people.
    value : float
        The factor, or the weight decay; NaN where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from kobai.testing import check_gradient
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> report = check_gradient(lambda x: np.mean(np.exp(x)), np.exp, x)
    >>> pattern = report.patterns[0]
    >>> pattern.kind, pattern.value
    ('factor', 3.0)
    >>> print(pattern)
    x: 3 times too large: a sum in place of a mean?
    """

    kind: str
    where: tuple[str, ...]
    text: str
    value: float = float("nan")

    def __str__(self) -> str:
        """Where, and what it looks like."""
        return f"{', '.join(self.where)}: {self.text}"


def find_patterns(parts: Sequence[Part], samples: int | None = None) -> list[Pattern]:
    """The patterns of the arrays that are wrong, each of which explains one or several of them.

    `samples` is the number of samples in a batch, where there is one: a sum may stand for a mean.
    """
    wrong = [part for part in parts if part.is_wrong.any()]
    found: list[Pattern] = []
    for part in wrong:
        pattern = _of_part(part, parts, samples)
        if pattern is not None:
            found.append(pattern)
    explained = {where.split("[")[0] for pattern in found for where in pattern.where}
    left = [part.name for part in wrong if part.name not in explained]
    found = _merged(found)
    if left:
        found += _passed_back(parts, left)
    return found


def _of_part(part: Part, parts: Sequence[Part], samples: int | None) -> Pattern | None:
    inside = _confined(part, samples)
    if inside is not None:
        return inside
    tests: tuple[Callable[[], Pattern | None], ...] = (
        lambda: _zero(part),
        lambda: _factor(part, samples),
        lambda: _decay(part),
        lambda: _transposed(part),
        lambda: _order(part),
        lambda: _of_other(part, parts),
        lambda: _absolute(part),
        lambda: _constant(part),
        lambda: _clipped(part),
        lambda: _rounded(part),
    )
    return next((pattern for test in tests if (pattern := test()) is not None), None)


def _confined(part: Part, samples: int | None) -> Pattern | None:
    """One element, or a few rows or columns, among others that are right."""
    wrong, right = part.is_wrong, part.verdict == Verdict.RIGHT
    count = int(wrong.sum())
    if not right.any() or wrong.ndim == 0:
        return None
    index = np.argwhere(wrong)
    if count == 1:
        where = f"{part.name}[{', '.join(map(str, index[0]))}]"
        c = float(part.given[wrong][0] / part.estimate[wrong][0]) if part.estimate[wrong][0] else 0
        text = f"one element is wrong, the others are right (given / derivative = {c:.4g})"
        return Pattern("element", (where,), text)
    if wrong.ndim != 2:
        return None
    for axis, kind in ((0, "row"), (1, "column")):
        lines = sorted({int(i) for i in index[:, axis]})
        others = np.delete(right, lines, axis=axis)
        # A line is what is wrong if little in it is right, and it is one of several.
        inside = np.take(right, lines, axis=axis)
        if len(lines) > max(1, wrong.shape[axis] // 4) or inside.sum() > count or not others.any():
            continue
        return _line(part, axis, kind, lines, samples)
    return None


def _line(part: Part, axis: int, kind: str, lines: list[int], samples: int | None) -> Pattern:
    names = [f"{part.name}[{i}]" if axis == 0 else f"{part.name}[:, {i}]" for i in lines[:4]] + [
        "..."
    ] * (len(lines) > 4)
    inner = part.only((lines,) if axis == 0 else (slice(None), lines))
    looks = _zero(inner) or _factor(inner, samples)
    text = f"{'this ' + kind + ' is' if len(lines) == 1 else 'these ' + kind + 's are'} wrong"
    if looks is not None:
        text += f": {looks.text}"
    return Pattern(kind, tuple(names), text + "; the others are right")


def _explains(part: Part, model: Floats, slack: Floats | float) -> bool:
    seen = part.seen
    return bool(
        np.all(np.abs(part.given - model)[seen] <= np.broadcast_to(slack, seen.shape)[seen])
    )


def _zero(part: Part) -> Pattern | None:
    seen = part.seen
    if not seen.any() or part.given[seen].any():
        return None
    what = "the bias term is missing" if part.given.ndim == 1 else "it was left out"
    return Pattern("zero", (part.name,), f"is zero everywhere: perhaps {what}")


def _factor(part: Part, samples: int | None) -> Pattern | None:
    seen = part.seen
    one = part.only(seen)
    fit = fitted_factor(one.given, one.estimate, one.bar, part.given.shape, samples)
    if fit is None:
        return None
    kind = "sign" if fit.value == -1 else "factor"
    return Pattern(kind, (part.name,), factor_words(fit, samples), fit.value)


def _decay(part: Part) -> Pattern | None:
    """Whether the gradient differs by a multiple of the point: lambda times the weights."""
    one = part.only(part.seen)
    fit = fitted_factor(one.given - one.estimate, one.at, one.bar, (), None, bar_of_model=False)
    if fit is None or fit.informative < 3:
        return None
    value = abs(fit.value)
    kind = "decay extra" if fit.value > 0 else "decay missing"
    verb = "has" if fit.value > 0 else "lacks"
    term = f"{value:.4g} * {part.name}"
    return Pattern(kind, (part.name,), f"{verb} a term {term}: weight decay", value)


def _transposed(part: Part) -> Pattern | None:
    if part.given.ndim != 2 or min(part.given.shape) < 2:
        return None
    estimate = part.estimate.T.reshape(part.given.shape)
    bar = part.bar.T.reshape(part.given.shape)
    known = part.seen & np.isfinite(estimate)
    if known.sum() < 3 or not _is_explained(part, estimate, bar, known):
        return None
    return Pattern(
        "transposed", (part.name,), "holds the elements of the transpose: an axis is swapped"
    )


def _is_explained(part: Part, model: Floats, bar: Floats, known: Mask) -> bool:
    """Whether the model explains all it says something of, some of which are wrong."""
    with np.errstate(invalid="ignore"):
        near = np.abs(part.given - model) <= bar + part.bar
    return bool(near[known].all() and (part.is_wrong & known).any())


def _order(part: Part) -> Pattern | None:
    """Whether it is shifted by one, or backwards, along an axis."""
    for axis in range(part.given.ndim):
        if part.given.shape[axis] < 3:
            continue
        for words in ("shifted by one", "shifted by minus one", "backwards"):
            model, bar = (_reordered(a, axis, words) for a in (part.estimate, part.bar))
            known = part.seen & np.isfinite(model)
            if known.sum() >= 3 and _is_explained(part, model, bar, known):
                return Pattern("order", (part.name,), f"axis {axis} is {words}")
    return None


def _reordered(array: Floats, axis: int, words: str) -> Floats:
    if words == "backwards":
        return np.flip(array, axis)
    return np.roll(array, 1 if words == "shifted by one" else -1, axis)


def _of_other(part: Part, parts: Sequence[Part]) -> Pattern | None:
    for other in parts:
        if other.name == part.name or other.given.shape != part.given.shape or part.given.size < 2:
            continue
        known = part.seen & np.isfinite(other.estimate)
        if known.any() and _is_explained(part, other.estimate, other.bar, known):
            return Pattern("other array", (part.name,), f"holds the gradient of {other.name}")
    return None


def _absolute(part: Part) -> Pattern | None:
    if part.seen.sum() < 3 or not _explains(part, np.abs(part.estimate), part.bar):
        return None
    return Pattern("absolute value", (part.name,), "has lost its signs")


def _constant(part: Part) -> Pattern | None:
    one = part.only(part.seen)
    if one.given.size < 3:
        return None
    offset = float(np.median(one.given - one.estimate))
    if not _explains(part, part.estimate + offset, 2 * part.bar):
        return None
    return Pattern("constant", (part.name,), f"{offset:.4g} too large everywhere", offset)


def _clipped(part: Part) -> Pattern | None:
    one = part.only(part.seen)
    if one.given.size < 3:
        return None
    limit = float(np.abs(one.given).max())
    if not limit or np.sum(np.abs(one.given) == limit) < 2:
        return None
    if not _explains(part, np.clip(part.estimate, -limit, limit), part.bar):
        return None
    return Pattern("clipped", (part.name,), f"is cut off at {limit:.4g}", limit)


def _rounded(part: Part) -> Pattern | None:
    one = part.only(part.seen)
    error = np.abs(one.given - one.estimate)
    size = float(np.abs(one.estimate).max(initial=0))
    if one.given.size < 3 or not error.max() < 1e-4 * size:
        return None
    for dtype in (np.float16, np.float32):
        with np.errstate(over="ignore"):
            if np.array_equal(one.given, one.given.astype(dtype)):
                name = np.dtype(dtype).name
                text = f"right to {error.max() / size:.0e} of its size: rounded to {name}"
                return Pattern("rounded", (part.name,), text)
    return None


def _merged(found: Iterable[Pattern]) -> list[Pattern]:
    """Those of one kind and value are one, of several arrays."""
    merged: list[Pattern] = []
    for pattern in found:
        for k, other in enumerate(merged):
            if (other.kind, other.text.split("* ")[0]) == (
                pattern.kind,
                pattern.text.split("* ")[0],
            ) and pattern.kind not in ("row", "column", "element"):
                where = other.where + pattern.where
                text = other.text
                if pattern.kind.startswith("decay"):
                    text = f"{text.split(' a term ')[0]} a term {other.value:.4g} * W: weight decay"
                merged[k] = Pattern(other.kind, where, text, other.value)
                break
        else:
            merged.append(pattern)
    return merged


def _passed_back(parts: Sequence[Part], left: Sequence[str]) -> list[Pattern]:
    """Whether arrays of the last layers are right, and those of all layers below some are not.

    `left` are the arrays that are wrong for no reason that was found.
    """
    names = [part.name for part in parts]
    last = max(names.index(name) for name in left)
    above, below = parts[last + 1 :], parts[: last + 1]
    right = [part.name for part in above if not part.is_wrong.any()]
    if not right or not all(part.is_wrong.any() for part in below):
        return []
    text = (
        f"wrong, while {', '.join(right)} {'are' if len(right) > 1 else 'is'} right: look at what "
        "is passed back from there, and at the derivative of the activation"
    )
    return [Pattern("passed back", tuple(part.name for part in below), text)]
