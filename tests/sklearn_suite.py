"""Runs scikit-learn's own tests of its perceptrons, as installed, on kobai's.

`python tests/sklearn_suite.py [options of pytest]` replaces the two classes before the tests import
them. Tests in `REACH_INTO` look at private names that are scikit-learn's alone; they are left out.
"""

import sys

import pytest

# Tests that reach into private names, and which.
REACH_INTO = {
    "test_gradient": "calls `_loss_grad_lbfgs` with scikit-learn's buffers",
}


def main(options):
    import sklearn.neural_network as theirs

    from kobai import sklearn as ours

    theirs.MLPClassifier, theirs.MLPRegressor = ours.MLPClassifier, ours.MLPRegressor
    tests = f"{theirs.__path__[0]}/tests/test_mlp.py"
    left_out = " and ".join(f"not {name}" for name in REACH_INTO)
    return pytest.main(
        ["-q", "-p", "no:cacheprovider", "-c", "/dev/null", "-k", left_out, tests, *options]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
