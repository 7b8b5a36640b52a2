"""Arguments of users, checked and converted: every rule about dtypes, shapes and numbers.

Each function takes the name of the argument as its user knows it, for the error message.
"""

from kobai._validation.arrays import (
    FloatArray,
    any_real_array,
    converted,
    in_dtype,
    overlaps_itself,
    plain_array,
    real_array,
    result_dtype,
)
from kobai._validation.data import check_finite, inputs
from kobai._validation.messages import shown
from kobai._validation.names import known_name
from kobai._validation.numbers import number_targets
from kobai._validation.scalars import (
    HALF_WIDTH,
    float_dtype,
    fraction,
    inner_fraction,
    integer,
    non_negative_float,
    positive_float,
    positive_int,
    real_number,
)
from kobai._validation.targets import check_label_range, column_cure, targets
from kobai._validation.weights import sample_weights

__all__ = [
    "HALF_WIDTH",
    "FloatArray",
    "any_real_array",
    "check_finite",
    "check_label_range",
    "column_cure",
    "converted",
    "float_dtype",
    "fraction",
    "in_dtype",
    "inner_fraction",
    "inputs",
    "integer",
    "known_name",
    "non_negative_float",
    "number_targets",
    "overlaps_itself",
    "plain_array",
    "positive_float",
    "positive_int",
    "real_array",
    "real_number",
    "result_dtype",
    "sample_weights",
    "shown",
    "targets",
]
