"""The course's networks: plain NumPy parameters, gradients by backpropagation or by definition."""

from kobai.networks.multi_layer import MultiLayerNet
from kobai.networks.simple import SimpleNet
from kobai.networks.two_layer import TwoLayerNet

__all__ = ["MultiLayerNet", "SimpleNet", "TwoLayerNet"]
