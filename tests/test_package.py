"""The package: light imports, everything that has to be in a wheel, and a bare checkout that works."""

import importlib
import importlib.resources
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import cape

ROOT = Path(__file__).parents[1]
HEAVY = ("jax", "flax", "optax", "orbax", "matplotlib", "h5py")
FOLDERS = {"cape": "cape", "configs": "cape.configs", "solvers": "cape.solvers", "datasets": "cape.datasets"}
FOLDERS |= {"pretrained": "cape.shipped"}


def python(code: str, *, cwd: Path = Path("/"), path: Path | None = None) -> str:
    """Run code in a fresh interpreter; give what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CAPE_TRACEBACK")}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize(
    "code",
    [
        "import cape",
        "import cape.cli",
        "from cape.cli import main; main(['--help']); main(['inspect', '-h'])",
    ],
)
def test_importing_and_asking_for_help_import_nothing_heavy(code):
    ask = f"import sys; {code}; print('imported', [name for name in {HEAVY} if name in sys.modules])"
    assert python(ask).splitlines()[-1] == "imported []"


def test_inspecting_files_needs_no_jax(tmp_path):
    ask = "import sys, cape.datasets.opening; print('jax' in sys.modules, 'matplotlib' in sys.modules)"
    assert python(ask) == "False False"


def test_loading_a_surrogate_needs_neither_matplotlib_nor_orbax():
    ask = "import sys, cape; cape.load; print([n for n in ('matplotlib', 'orbax') if n in sys.modules])"
    assert python(ask) == "[]"


def test_the_public_names_are_found_and_unknown_ones_are_not():
    assert callable(cape.load)
    assert cape.__version__ == project()["project"]["version"]
    with pytest.raises(AttributeError, match="module 'cape' has no attribute 'lod'"):
        cape.lod  # noqa: B018


def test_every_data_file_goes_into_the_wheel():
    data = project()["tool"]["setuptools"]["package-data"]
    tracked = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode or not tracked.stdout:
        pytest.skip("no git checkout")
    others = [Path(name) for name in tracked.stdout.splitlines() if not name.endswith(".py")]
    assert any(path.suffix == ".toml" for path in others)
    assert any(path.suffix == ".csv" for path in others)
    for path in others:
        top, *inside = path.parts
        patterns = data.get(FOLDERS[top], [])
        inside = Path(*inside)
        assert any(inside.match(pattern) for pattern in patterns), f"{path} is in no package-data"


@pytest.mark.parametrize(
    "module", ["cape.configs", "cape.solvers", "cape.datasets", "cape.datasets.simulate"]
)
def test_packages_are_found_under_their_installed_names(module):
    assert importlib.import_module(module).__name__ == module


def test_the_training_script_is_the_train_command(tmp_path):
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", "--list"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "smoke" in done.stdout.split()
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", "smok"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == "cape train: no preset or file 'smok'; did you mean 'smoke'?\n"
    assert list(tmp_path.iterdir()) == []


def test_the_package_carries_its_type_marker_presets_and_table():
    assert importlib.resources.files("cape").joinpath("py.typed").is_file()
    assert importlib.resources.files("cape.datasets").joinpath("pdebench_files.csv").is_file()
    assert importlib.resources.files("cape.configs").joinpath("smoke.toml").is_file()
    assert importlib.resources.files("cape.html_report").joinpath("static/page.html").is_file()


def test_the_readme_begins_with_the_two_command_lines():
    readme = ROOT / "README.md"
    if not readme.is_file():
        pytest.skip("no README.md yet")
    text = readme.read_text()
    assert text.count("pip install -e ") == 2
    assert "&& python train.py" in text
    assert "&& python -m pytest" in text
