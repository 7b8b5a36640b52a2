"""Derivatives of any function, with error bars that hold.

`gradient` and `jacobian` give first derivatives, `hessian` second ones: a `Derivative` each, whose
`status` says how an element is to be taken.
"""

from kobai.differentiate.first import gradient, jacobian
from kobai.differentiate.results import Derivative, Status
from kobai.differentiate.second import hessian

__all__ = ["Derivative", "Status", "gradient", "hessian", "jacobian"]
