"""The house: which room may import which, in Python and in the Rust core."""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "python" / "kobai"
CORE = ROOT / "rust" / "core" / "src"

# A room imports only itself and rooms above it.
PYTHON_ROOMS = (
    "_core",
    "_snapshot",
    "_validation",
    "_random",
    "_progress",
    "_figure",
    "_threads",
    "_io",
    "_difference",
    "_educational",
    "functions",
    "losses",
    "_workers",
    "gradient",
    "differentiate",
    "networks",
    "testing",
    "optimizers",
    "callbacks",
    "datasets",
    "_training",
    "training",
    "sklearn",
    "cli",
    "__main__",
)
CORE_ROOMS = (
    "error",
    "numeric",
    "differentiation",
    "parallel",
    "sparse",
    "network",
    "functions",
    "gradient",
    "finite_difference",
    "api",
    "training",
    "tests",
)
MOST_LINES = 400


def python_modules():
    names = {}
    for file in PACKAGE.rglob("*.py"):
        parts = ("kobai", *file.relative_to(PACKAGE).with_suffix("").parts)
        names[".".join(parts).removesuffix(".__init__")] = file
    return names


def python_imports():
    """For each module, the modules of kobai it imports, TYPE_CHECKING or not."""
    modules = python_modules()
    found = {}
    for name, file in modules.items():
        imported = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name} imports relatively"
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                imported |= {x for x in inner if x in modules or x == "kobai._core"}
                imported |= {node.module} if not inner <= modules.keys() else set()
        ours = {x for x in imported if x in modules or x == "kobai._core"}
        found[name] = ours - {name, "kobai"}
    return found


def room_of(module):
    return module.split(".")[1] if "." in module else module


def core_room(file):
    return file.relative_to(CORE).parts[0].removesuffix(".rs")


def core_imports():
    """For each room of the core, the rooms its files name, and which file does."""
    found = {}
    for file in CORE.rglob("*.rs"):
        text = file.read_text(encoding="utf-8")
        # What follows is a file's own tests.
        text = re.split(r"#\[cfg\(test\)\]\s*mod tests \{", text)[0]
        named = set(re.findall(r"\bcrate::(\w+)", text))
        for group in re.findall(r"\bcrate::\{([^}]*)\}", text):
            named |= set(re.findall(r"(?:^|,)\s*(\w+)", group))
        for other in named & set(CORE_ROOMS):
            if other != core_room(file):
                found.setdefault((core_room(file), other), file)
    return found


def test_every_python_module_stands_in_a_room():
    rooms = {room_of(name) for name in python_modules()} - {"kobai"}
    assert rooms <= set(PYTHON_ROOMS)


def test_no_python_module_imports_upwards():
    place = PYTHON_ROOMS.index
    upwards = [
        f"{name} imports {other}"
        for name, imported in python_imports().items()
        if name != "kobai"
        for other in imported
        if place(room_of(other)) > place(room_of(name))
    ]
    assert upwards == []


def test_no_python_import_runs_in_a_circle():
    try:
        tuple(TopologicalSorter(python_imports()).static_order())
    except CycleError as circle:
        pytest.fail(" -> ".join(circle.args[1]))


def test_every_file_of_the_core_stands_in_a_room():
    assert {core_room(file) for file in CORE.rglob("*.rs")} - {"lib"} <= set(CORE_ROOMS)


def test_no_room_of_the_core_imports_upwards():
    place = CORE_ROOMS.index
    upwards = [
        f"{file.relative_to(CORE)} names {other}"
        for (room, other), file in core_imports().items()
        if room != "lib" and place(other) > place(room)
    ]
    assert upwards == []


def test_modules_of_the_core_are_private():
    text = (CORE / "lib.rs").read_text(encoding="utf-8")
    assert re.findall(r"^pub mod \w+", text, re.MULTILINE) == []


def test_the_binding_knows_the_face_of_the_core_alone():
    for file in (ROOT / "rust" / "python" / "src").rglob("*.rs"):
        paths = re.findall(r"\bkobai_core::(\w+)::", file.read_text(encoding="utf-8"))
        assert paths == [], file


def lines_to_read(file):
    """The lines of a file but for its own tests and docstrings, which are read elsewhere."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".rs":
        return re.split(r"#\[cfg\(test\)\]\s*mod tests \{", text)[0].count("\n")
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, documented)]
    docstrings = [node.body[0] for node in nodes if ast.get_docstring(node) is not None]
    return text.count("\n") - sum(doc.end_lineno - doc.lineno + 1 for doc in docstrings)


@pytest.mark.parametrize("folder", ["python/kobai", "rust/core/src", "rust/python/src"])
def test_no_file_is_longer_than_one_can_read(folder):
    base = ROOT / folder
    files = [x for x in base.rglob("*") if x.suffix in {".py", ".rs"}]
    files = [x for x in files if "tests" not in x.relative_to(base).parts]
    assert files
    assert {x.name: n for x in files if (n := lines_to_read(x)) > MOST_LINES} == {}
