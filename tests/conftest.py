import os

import matplotlib
import pytest
from hypothesis import HealthCheck, settings

from idx_folders import write_folder

matplotlib.use("Agg")

# A build machine draws the same examples every time; elsewhere every run looks at new ones.
settings.register_profile(
    "kobai",
    deadline=None,
    max_examples=60,
    print_blob=True,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
# For a long look: pytest --hypothesis-profile=thorough
settings.register_profile("thorough", settings.get_profile("kobai"), max_examples=3000)
settings.load_profile("kobai")


@pytest.fixture
def data(tmp_path):
    """A folder with a small data set."""
    return write_folder(tmp_path / "data")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to stand in."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
