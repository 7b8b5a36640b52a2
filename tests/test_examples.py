"""Every public name has an example in its docstring, and the example prints what it shows.

An example stands alone: it imports what it uses. Scalars are printed or turned to Python's own
(``float(...)``), as NumPy 1 and 2 show theirs differently.
"""

import doctest
import importlib
import inspect
import pkgutil

import pytest

import kobai

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public_modules():
    """Those without an underscore that say what they offer; the package last, which repeats it."""
    names = [
        module.name
        for module in pkgutil.walk_packages(kobai.__path__, "kobai.")
        if not any(part.startswith("_") for part in module.name.split("."))
    ]
    modules = [importlib.import_module(name) for name in names]
    return [module for module in modules if hasattr(module, "__all__")] + [kobai]


def public_methods(cls):
    """The methods and properties that a class has of ours, its own or inherited."""
    for base in cls.__mro__:
        if base.__module__.split(".")[0] == "kobai":
            for name, member in vars(base).items():
                is_code = callable(member) or isinstance(member, (classmethod, property))
                if is_code and not name.startswith("_"):
                    yield name, getattr(cls, name) if callable(member) else member


def public_names():
    """Each public class, function and method once, as the module calls it in which it is first
    listed, and its docstring."""
    seen = set()
    for module in public_modules():
        for name in module.__all__:
            value = getattr(module, name)
            if not callable(value) or id(value) in seen:
                continue
            seen.add(id(value))
            yield f"{module.__name__}.{name}", inspect.getdoc(value)
            if isinstance(value, type):
                for method, member in public_methods(value):
                    yield f"{module.__name__}.{name}.{method}", inspect.getdoc(member)


DOCSTRINGS = dict(public_names())


def run_examples(name, doc):
    """The number of examples, each of which has printed what it shows."""
    examples = doctest.DocTestParser().get_doctest(doc or "", {"__name__": name}, name, name, 0)
    said = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    runner.run(examples, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)
    return len(examples.examples)


@pytest.mark.parametrize("name", DOCSTRINGS)
def test_a_public_name_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    assert DOCSTRINGS[name], f"{name} must have a docstring"
    assert run_examples(name, DOCSTRINGS[name]), f"{name} must have an example in its docstring"


def test_all_that_the_package_offers_is_looked_at():
    found = {module.__name__ for module in public_modules()}
    assert {"kobai", "kobai.functions", "kobai.gradient", "kobai.networks"} <= found
    assert {"kobai.functions.sigmoid", "kobai.networks.TwoLayerNet.loss"} <= DOCSTRINGS.keys()


@pytest.mark.parametrize("module", [module.__name__ for module in public_modules()])
def test_examples_of_modules_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples(module, inspect.getdoc(importlib.import_module(module)))
