"""What `rng` may be, and what is drawn with it."""

import numpy as np
import pytest

from kobai._random import generator


def drawn(rng):
    return generator(rng).random(3).tolist()


@pytest.mark.parametrize("seed", [0, 7, [1, 2], np.int64(5), np.random.SeedSequence(3)], ids=str)
def test_a_seed_is_numpys(seed):
    assert drawn(seed) == np.random.default_rng(seed).random(3).tolist()


def test_none_is_another_one_each_time():
    assert drawn(None) != drawn(None)


def test_a_generator_is_used_as_it_is():
    own = np.random.default_rng(0)
    assert generator(own) is own
    bits = np.random.Philox(0)
    assert generator(bits).bit_generator is bits


def test_a_random_state_lends_its_stream():
    first, second = drawn(np.random.RandomState(7)), drawn(np.random.RandomState(7))
    assert first == second
    state = np.random.RandomState(7)
    drawn(state)
    later = drawn(state)
    assert later != first
    assert state.random_sample() != np.random.RandomState(7).random_sample()


def test_the_module_draws_as_its_seed_says():
    before = np.random.get_state()
    try:
        np.random.seed(5)
        first = drawn(np.random)
        own = generator(np.random)
        np.random.seed(5)
        # Also what has been made of it before.
        assert own.random(3).tolist() == first
        np.random.seed(5)
        assert drawn(np.random) == first
        assert drawn(np.random.RandomState(5)) == first
        assert drawn(np.random) != first
    finally:
        np.random.set_state(before)


@pytest.mark.parametrize(
    ("rng", "error"),
    [("0", TypeError), (0.5, TypeError), (-1, ValueError), (np, TypeError), (object(), TypeError),
     ([1, -1], ValueError), ([0.5], TypeError)],
)  # fmt: skip
def test_what_is_none_is_refused_by_name(rng, error):
    with pytest.raises(error, match=r"^rng must be a seed"):
        generator(rng)
