"""What the optimizers have in common: one update of all parameters, and the state as a dict."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from kobai._snapshot import Snapshot
from kobai._validation import FloatArray, in_dtype, integer, non_negative_float, shown
from kobai.optimizers.arrays import Array, Pair, check_dicts, checked_pairs, in_words
from kobai.optimizers.state import State, copied, matching

Rate = float | Callable[[int], float]

# The types of settings that stay what they are between two steps.
_NUMBERS = (float, int, np.floating, np.integer)

_Class = TypeVar("_Class", bound="type[BaseOptimizer]")


class BaseOptimizer:
    """An optimizer of kobai's, which documents its own formula.

    Attributes
    ----------
    lr : float or callable
        The learning rate, or a function of the number of the step.
    iter : int
        The number of updates so far.
    """

    #: The names of the dicts that hold the state, in the order of the formula.
    state_names: ClassVar[tuple[str, ...]] = ()
    #: What the core calls the formula.
    core_name: ClassVar[str]
    #: The names of the settings besides `lr`.
    setting_names: ClassVar[tuple[str, ...]] = ()
    _original: ClassVar[Snapshot]

    # From the gradient, the state and the scalars, all in the dtype of the parameter: what to
    # subtract from the parameter, and the new state.
    _change: Callable[..., tuple[Any, ...]]

    lr: Rate
    iter = 0

    def __init__(self, lr: Rate) -> None:
        self.lr = _function_of_step(lr) if callable(lr) else non_negative_float("lr", lr)
        self.iter = 0
        for name in self.state_names:
            setattr(self, name, {})

    def __repr__(self) -> str:
        """The class with its settings, as they are now."""
        settings = [f"{name}={getattr(self, name)!r}" for name in ("lr", *self.setting_names)]
        return f"{type(self).__name__}({', '.join(settings)})"

    def learning_rate(self, step: int | None = None) -> float:
        """The learning rate of a step: the number `lr`, or what the function `lr` returns.

        Parameters
        ----------
        step : int, optional
            The number of the step, counted from 0; the next one by default.

        Returns
        -------
        float
            Finite, and not negative.

        Raises
        ------
        TypeError
            If it is no real number.
        ValueError
            If it is negative or not finite.

        Examples
        --------
        >>> from kobai import SGD
        >>> optimizer = SGD(lr=lambda step: 0.5 ** (1 + step // 100))
        >>> [optimizer.learning_rate(step) for step in (0, 99, 100)]
        [0.5, 0.5, 0.25]
        """
        lr = self.lr
        if type(lr) is float and 0.0 <= lr < math.inf:
            return lr
        if callable(lr):
            step = self.iter if step is None else step
            return non_negative_float(f"lr({step})", lr(step))
        return non_negative_float("lr", lr)

    def scalars(self, step: int) -> tuple[float, ...]:
        """The scalars of the formula at a step, computed in double precision.

        An update rounds them to the dtype of each parameter.

        Parameters
        ----------
        step : int
            The number of the step, counted from 0.

        Returns
        -------
        tuple of float
            In the order in which the docstring of the class names them.

        Examples
        --------
        >>> from kobai import Momentum
        >>> Momentum(lr=0.5, momentum=0.75).scalars(0)
        (0.75, 0.5)
        """
        raise NotImplementedError

    def scalars_of_steps(self, first: int, count: int) -> NDArray[np.float64]:
        """The `scalars` of several steps.

        Parameters
        ----------
        first : int
            The number of the first step, counted from 0.
        count : int
            How many steps.

        Returns
        -------
        numpy.ndarray
            float64, of shape ``(count, scalars)``: a row a step.

        Examples
        --------
        >>> from kobai import SGD
        >>> SGD(lr=lambda step: 0.5**step).scalars_of_steps(2, 3)
        array([[0.25  ],
               [0.125 ],
               [0.0625]])
        """
        if not callable(self.lr):
            scalars = self.scalars(first)
            return np.full((count, len(scalars)), scalars)
        return np.array([self.scalars(step) for step in range(first, first + count)])

    def update(
        self, params: MutableMapping[str, FloatArray], grads: Mapping[str, FloatArray]
    ) -> None:
        """Take one step, in place.

        Parameters
        ----------
        params : dict of ndarray
            The arrays to change, of a float dtype. From the second update on, keys, shapes and
            dtypes must be those of the first.
        grads : dict of ndarray
            The gradient, with the same keys and shapes. It is rounded once, to the dtype of the
            parameter.

        Raises
        ------
        TypeError
            If a setting or a gradient does not consist of real numbers, or a parameter is no array
            of floats.
        ValueError
            If keys or shapes differ, also from those of the state, a parameter is read-only or
            overlaps itself, or a setting is out of range. Whatever is raised, nothing has been
            changed.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import Momentum
        >>> optimizer = Momentum(lr=0.5, momentum=0.5)
        >>> params, grads = {"W": np.array([1.0, 2.0])}, {"W": np.array([1.0, -1.0])}
        >>> for _ in range(2):
        ...     optimizer.update(params, grads)
        >>> params["W"]
        array([-0.25,  3.25])
        >>> optimizer.v["W"], optimizer.iter
        (array([-0.75,  0.75]), 2)
        """
        scalars = self.scalars(self.iter)
        check_dicts(params, grads)
        pairs = checked_pairs(params, grads)
        states = self._states(pairs)
        # Numbers beyond the range become infinite without a warning, as in the core.
        with np.errstate(all="ignore"):
            # All steps are computed first: a gradient may be a view of another parameter.
            changes = [
                self._change(
                    in_dtype(pair.gradient, pair.param.dtype),
                    *(state[pair.key] for state in states),
                    *_in_dtype_of(pair.param, scalars),
                )
                for pair in pairs
            ]
            for (key, param, _), (step, *new_state) in zip(pairs, changes, strict=True):
                self._decay(param, *_in_dtype_of(param, scalars))
                param -= step
                for state, array in zip(states, new_state, strict=True):
                    state[key][...] = array
        self._set_states(states)
        self.iter += 1

    def _decay(self, param: Array, *scalars: Any) -> None:
        """Shrink a parameter before its step, if the optimizer decays weights."""

    def _states(self, pairs: list[Pair]) -> list[State]:
        """The dicts of the state, which fit the parameters; zeros where there are none yet."""
        return [matching(name, getattr(self, name), pairs) for name in self.state_names]

    def _set_states(self, states: list[State]) -> None:
        for name, state in zip(self.state_names, states, strict=True):
            setattr(self, name, state)

    def start(self, params: Mapping[str, FloatArray]) -> None:
        """Make the state for those parameters, all zeros; a state that fits them is kept.

        `update` does the same at its first call.

        Parameters
        ----------
        params : dict of ndarray
            The parameters.

        Raises
        ------
        ValueError
            If there is a state already, and it does not fit the parameters.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import Adam
        >>> optimizer = Adam()
        >>> optimizer.start({"b": np.zeros(2, np.float32)})
        >>> optimizer.m
        {'b': array([0., 0.], dtype=float32)}
        """
        check_dicts(params, params)
        self._set_states(self._states(checked_pairs(params, params)))

    def state_dict(self) -> dict[str, Any]:
        """A copy of all that the next updates depend on, but for the settings of the formula.

        Returns
        -------
        dict
            ``iter``; ``lr``, unless it is a function; and the dicts of arrays of the state.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import AdaGrad
        >>> optimizer = AdaGrad(lr=0.5)
        >>> optimizer.update({"b": np.zeros(1)}, {"b": np.ones(1)})
        >>> optimizer.state_dict()
        {'iter': 1, 'lr': 0.5, 'h': {'b': array([1.])}}
        """
        state: dict[str, Any] = {"iter": self.iter}
        if not callable(self.lr):
            state["lr"] = self.learning_rate()
        for name in self.state_names:
            arrays = getattr(self, name) or {}
            state[name] = {key: np.array(array) for key, array in arrays.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where the optimizer was that returned this `state_dict`.

        Parameters
        ----------
        state : dict
            What `state_dict` has returned; its arrays are copied.

        Raises
        ------
        TypeError, ValueError
            If it is no such state. Nothing has been changed then.

        Examples
        --------
        >>> import numpy as np
        >>> from kobai import Momentum
        >>> first, second = Momentum(lr=0.5), Momentum(lr=0.1)
        >>> first.update({"b": np.zeros(1)}, {"b": np.ones(1)})
        >>> second.load_state_dict(first.state_dict())
        >>> second.lr, second.iter, second.v
        (0.5, 1, {'b': array([-0.5])})
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dict, got {shown(state)}")
        is_number = not callable(self.lr)
        wanted = ("iter", *(("lr",) if is_number else ()), *self.state_names)
        if state.keys() != set(wanted):
            raise ValueError(f"state must have the keys {in_words(wanted)}, got {in_words(state)}")
        count = integer("iter", state["iter"])
        if isinstance(state["iter"], bool) or not 0 <= count < 2**63:
            raise ValueError(f"iter must be a number of updates, got {shown(state['iter'])}")
        lr = non_negative_float("lr", state["lr"]) if is_number else self.lr
        states = [copied(name, state[name]) for name in self.state_names]
        if any(arrays.keys() != states[0].keys() for arrays in states):
            raise ValueError(f"{' and '.join(self.state_names)} must have the same keys")
        self.iter, self.lr = count, lr
        self._set_states(states)


def _function_of_step(lr: Callable[[int], float]) -> Callable[[int], float]:
    """`lr`, after checking that it takes one argument, as far as it tells."""
    try:
        signature = inspect.signature(lr)
    except (TypeError, ValueError):  # some functions written in C
        return lr
    try:
        signature.bind(0)
    except TypeError as error:
        raise TypeError(
            f"lr must be a number, or a function of the step, got {shown(lr)}: {error}"
        ) from None
    return lr


def _in_dtype_of(param: Array, scalars: tuple[float, ...]) -> list[Any]:
    return [param.dtype.type(scalar) for scalar in scalars]


def remember_original(cls: _Class) -> _Class:
    """Take a snapshot of an optimizer's methods, by which replaced ones are found."""
    names = [name for name in dir(cls) if not name.startswith("__")]
    names = [name for name in names if name not in ("iter", "_original")]
    cls._original = Snapshot(cls, names)
    return cls


def is_original(optimizer: object) -> bool:
    """Whether `optimizer` is one of kobai's, its methods are, and its settings are plain numbers.

    `lr` may be a function.
    """
    kind = type(optimizer)
    if not issubclass(kind, BaseOptimizer) or kind.__getattribute__ is not object.__getattribute__:
        return False
    settings = vars(optimizer)
    return (
        not kind._original.replaced_in(optimizer)  # noqa: SLF001
        and not any(hasattr(kind, name) for name in ("lr", *kind.setting_names))
        and all(isinstance(settings.get(name), _NUMBERS) for name in kind.setting_names)
        and (isinstance(settings.get("lr"), _NUMBERS) or callable(settings.get("lr")))
    )
