"""Files of networks of any depth, and ways to spoil what they say. All follows from a `Random`."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from kobai import MultiLayerNet
from kobai.losses import CrossEntropy, Huber, Pinball, SquaredError

from .mutations import archive, npy, spoiled, with_odd_members
from .texts import odd_text

ODD = (
    None, True, False, 0, -1, 1, 2, 3, 2**31, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308,
    float("nan"), float("inf"), "", "1", "relu", "Relu", "gelu", "huber", "exec", "MultiLayerNet",
    "a" * 1000, [], {}, [[]], [1, 1], [2, 2], [2, 3, 2], [10**9, 10**9], ["relu"], ["relu"] * 2,
    {"name": "huber"}, {"name": "huber", "delta": 0.5}, {"name": []}, [0] * 5000,
)  # fmt: skip
KEYS = ("", "more", "name", "delta", "sizes", "loss", "version")


def bases():
    """The members of the files of some networks."""
    nets = (
        MultiLayerNet(2, [], 2, rng=0),
        MultiLayerNet(2, [3], 2, "sigmoid", loss=CrossEntropy(1e-7), rng=1, dtype=np.float32),
        MultiLayerNet(2, [3], 2, "gelu", 1.0, 0.1, loss=Huber(0.5), rng=2),
        MultiLayerNet(1, [2, 2], 1, ["relu", "tanh"], loss=SquaredError(), rng=3),
        MultiLayerNet(1, [2, 2], 1, "elu", loss=Pinball(0.9), rng=4, dtype=np.float32),
    )
    with tempfile.TemporaryDirectory() as folder:
        for net in nets:
            net.save(Path(folder) / "net.npz")
            with zipfile.ZipFile(Path(folder) / "net.npz") as whole:
                yield {name: whole.read(name) for name in whole.namelist()}


def text_of(members):
    return json.loads(np.load(io.BytesIO(members["network.npy"])).tobytes())


BASES = list(bases())
TEXTS = [text_of(members) for members in BASES]


def network_file(random):
    members = dict(random.choice(BASES))
    kind = random.randrange(5)
    if kind < 2:
        text = odd_text(random, text_of(members), ODD, KEYS, TEXTS)
        body = json.dumps(text).encode()
        if random.random() < 0.2:
            body = spoiled(random, body, 3)
        members["network.npy"] = npy(np.frombuffer(body, np.uint8))
    elif kind == 2:
        others = random.choice(BASES)
        for name in random.sample(sorted(members), random.randint(1, len(members))):
            members[name] = others.get(name, members[name])
    items = list(members.items())
    if kind == 3:
        items = with_odd_members(random, items, BASES)
    whole = archive(random, items, is_plain=random.random() < 0.9)
    return spoiled(random, whole, 3) if kind == 4 else whole
