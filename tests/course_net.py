"""The course's own two-layer network, as a student types it, and mistakes in its gradient."""

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_grad(x):
    return (1.0 - sigmoid(x)) * sigmoid(x)


def softmax(x):
    x = x - np.max(x, axis=1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)


def cross_entropy_error(y, t):
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


class TwoLayerNet:
    """`mistake` names what the student got wrong in `gradient`."""

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.5, mistake=None):
        rng = np.random.default_rng(7)
        self.params = {}
        self.params["W1"] = weight_init_std * rng.standard_normal((input_size, hidden_size))
        self.params["b1"] = 0.1 * rng.standard_normal(hidden_size)
        self.params["W2"] = weight_init_std * rng.standard_normal((hidden_size, output_size))
        self.params["b2"] = 0.1 * rng.standard_normal(output_size)
        self.mistake = mistake

    def predict(self, x):
        W1, W2 = self.params["W1"], self.params["W2"]
        b1, b2 = self.params["b1"], self.params["b2"]
        z1 = sigmoid(np.dot(x, W1) + b1)
        return softmax(np.dot(z1, W2) + b2)

    def loss(self, x, t):
        return cross_entropy_error(self.predict(x), t)

    def gradient(self, x, t):
        W1, W2 = self.params["W1"], self.params["W2"]
        b1, b2 = self.params["b1"], self.params["b2"]
        mistake = self.mistake
        batch_num = x.shape[0]
        a1 = np.dot(x, W1) + b1
        z1 = sigmoid(a1)
        y = softmax(np.dot(z1, W2) + b2)

        t_one_hot = np.eye(y.shape[1])[t]
        dy = (y - t_one_hot) / (1 if mistake == "not divided by N" else batch_num)
        if mistake == "sign":
            dy = -dy
        grads = {}
        grads["W2"] = np.dot(z1.T, dy)
        grads["b2"] = np.sum(dy, axis=0)
        if mistake == "bias forgotten":
            grads["b2"] = np.zeros_like(b2)
        dz1 = np.dot(dy, W2.T)
        if mistake == "a1 for z1":
            grads["W2"] = np.dot(a1.T, dy)
        da1 = sigmoid_grad(a1) * dz1
        if mistake == "no activation derivative":
            da1 = dz1
        if mistake == "sigmoid of z1":
            da1 = sigmoid_grad(z1) * dz1
        grads["W1"] = np.dot(x.T, da1)
        grads["b1"] = np.sum(da1, axis=0)
        if mistake == "mean of the bias":
            grads["b1"] = np.mean(da1, axis=0)
        if mistake == "transposed":
            grads["W2"] = np.dot(z1.T, dy).T.reshape(W2.shape)
        if mistake == "one row":
            grads["W1"][2] *= 2
        if mistake == "one element":
            grads["W1"][2, 3] += 0.01
        if mistake == "decay":
            for key in ("W1", "W2"):
                grads[key] += 0.1 * self.params[key]
        return grads
