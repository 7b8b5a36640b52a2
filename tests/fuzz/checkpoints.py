"""Checkpoints of small runs, and ways to spoil what they say. All of it follows from a `Random`."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kobai import SGD, Adam, Momentum, Trainer, TwoLayerNet
from kobai.callbacks import EarlyStopping

from .mutations import archive, npy, spoiled, with_odd_members
from .texts import odd_text

TOTAL = 6
X = np.random.default_rng(0).uniform(-1, 1, (7, 2))
T = np.arange(7) % 2
DATA = {"x_train": X, "t_train": T}

ODD = (
    None, True, False, 0, -1, 1, 2, 3, 4, 5, 624, 625, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1,
    2**64, 2**128 - 1, 2**128, 10**400, 0.5, 1.5, -0.0, 1e308, float("nan"), float("inf"), "", "1",
    "PCG64", "MT19937", "TwoLayerNet", "a" * 1000, [], {}, [[]], [0] * 2, [0] * 4, [1] * 4,
    [2**64 - 1] * 4, [0] * 624, [2**32 - 1] * 624, [2**32] * 624, [-1] * 4, {"state": 1},
)  # fmt: skip


class Base(NamedTuple):
    """A run: how its trainer and its data are made, and the members of its checkpoint."""

    optimizer: type
    options: dict
    has_test: bool
    members: dict

    def trainer(self, seed):
        options = dict(self.options)
        bit_generator = getattr(np.random, options.pop("rng"))(seed)
        net = TwoLayerNet(2, 2, 2, 0.5, rng=seed, dtype=options.pop("dtype"))
        return Trainer(
            net,
            self.optimizer(0.5),
            batch_size=3,
            rng=np.random.Generator(bit_generator),
            **options,
        )

    def callbacks(self):
        return [EarlyStopping("loss", patience=9, restore_best_weights=True)]

    @property
    def run(self):
        return text_of(self.members)["run"]

    def data(self):
        return DATA | ({"x_test": X[:3], "t_test": T[:3]} if self.has_test else {})


def bases():
    """Runs stopped within an epoch, at its end and at their own, with every kind of generator."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "run.npz"
        for k, rng in enumerate(("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64") * 2):
            options = {
                "rng": rng,
                "dtype": (np.float32, np.float64)[k // 5],
                "sampling": ("shuffle", "replacement")[k % 2],
            }
            base = Base((SGD, Momentum, Adam)[k % 3], options, k % 2 == 0, {})
            base.trainer(1).fit(
                **base.data(),
                iterations=(2, 3, 4, 6)[k % 4],
                checkpoint=file,
                callbacks=base.callbacks(),
            )
            with zipfile.ZipFile(file) as whole:
                base.members.update({name: whole.read(name) for name in whole.namelist()})
            made.append(base)
    return made


BASES = bases()


def text_of(members):
    return json.loads(np.load(io.BytesIO(members["run.npy"])).tobytes())


def odd_run(random, members):
    others = [text_of(base.members) for base in BASES]
    spoiled_text = odd_text(random, text_of(members), ODD, ("", "more", "state", "run"), others)
    body = json.dumps(spoiled_text).encode()
    if random.random() < 0.2:
        body = spoiled(random, body, 3)
    return npy(np.frombuffer(body, np.uint8))


def odd_record(random):
    """What may stand in place of losses and accuracies."""
    shape = random.choice((0, 1, 2, 3, 4, 5, 6, 7, (3, 1), ()))
    return npy(np.full(shape, random.choice((0.0, np.nan, -3.0))).astype(random.choice("dddfe")))


def checkpoint_file(random):
    """A file, and the run that it was made from."""
    base = random.choice(BASES)
    members = dict(base.members)
    kind = random.randrange(6)
    if kind < 2:
        members["run.npy"] = odd_run(random, members)
    elif kind == 2:
        for _ in range(random.randint(1, 3)):
            records = ("train_loss.npy", "train_acc.npy", "test_acc.npy", "test_loss.npy")
            name = random.choice(records)
            members[name] = odd_record(random)
    elif kind == 3:
        others = random.choice(BASES).members
        for name in random.sample(sorted(members), random.randint(1, 7)):
            members[name] = others.get(name, members[name])
    items = list(members.items())
    if kind == 4:
        items = with_odd_members(random, items, [each.members for each in BASES])
    whole = archive(random, items, is_plain=random.random() < 0.9)
    return (spoiled(random, whole, 3) if kind == 5 else whole), base
