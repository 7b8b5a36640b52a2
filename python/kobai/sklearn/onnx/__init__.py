"""Fitted estimators as files of ONNX, written without the package of that name."""
