"""Callbacks, which look at a training between its epochs, and may change or end it.

`Trainer.fit` takes a list of them. The steps between two looks are still fused.
"""

from kobai.callbacks.callback import Callback, LambdaCallback, TerminateOnNaN
from kobai.callbacks.csv_logger import CSVLogger
from kobai.callbacks.early_stopping import EarlyStopping
from kobai.callbacks.reduce_lr import ReduceLROnPlateau

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LambdaCallback",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
