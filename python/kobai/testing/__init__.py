"""Gradient checks without a tolerance to guess: every verdict follows from an error bar."""

from kobai.testing.directions import Direction
from kobai.testing.element import Element
from kobai.testing.functions import assert_gradient, check_gradient
from kobai.testing.networks import check_network
from kobai.testing.patterns import Pattern
from kobai.testing.report import GradientReport
from kobai.testing.verdicts import Verdict

__all__ = [
    "Direction",
    "Element",
    "GradientReport",
    "Pattern",
    "Verdict",
    "assert_gradient",
    "check_gradient",
    "check_network",
]
