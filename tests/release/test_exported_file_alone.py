"""An exported file runs without this package, by the script of its documentation."""

import importlib.metadata
import re
import subprocess
import venv
from pathlib import Path

import jax
import numpy as np
import pytest
from exports import PARAMETERS, assert_same, surrogate_of

from cape.pretrained import load, save
from cape.release.export import export

pytest.importorskip("flatbuffers")
pytestmark = pytest.mark.filterwarnings("ignore::cape.out_of_distribution.OtherResolution")

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "burgers1d"
    save(surrogate_of(16), folder)
    return folder


@pytest.fixture(scope="module")
def exported(model):
    file = model.parent / "burgers1d.stablehlo"
    export(model, file)
    return file


def documented_script():
    return re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]


def run_documented_script(python, exported):
    """Run the script of the documentation beside the file, by an interpreter that must not know this package."""
    script = documented_script().replace("np.arange(128) + 0.5) / 128", "np.arange(64) + 0.5) / 64")
    script += "\nnp.savez('frames.npz', u0=u0, frames=frames)\n"
    script += "import importlib.util as i\nprint([n for n in ('cape', 'flax', 'h5py') if i.find_spec(n)])\n"
    command = [python, "-I", "-c", script]
    done = subprocess.run(command, cwd=exported.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("['Nu'] {'Nu': [0.01, 1.0]} 0.2 {'multiple_of'")
    assert done.stdout.splitlines()[-1] == "[]"
    return np.load(exported.parent / "frames.npz")


@pytest.mark.thorough
def test_the_documented_script_runs_with_jax_and_flatbuffers_alone(model, exported, tmp_path):
    """In a virtual environment into which only these two and what jax itself needs are linked."""
    assert len(documented_script().splitlines()) <= 25
    venv.create(tmp_path / "venv", symlinks=True)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    needed = ["jax", "flatbuffers"]
    for name in needed:
        distribution = importlib.metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}
        for top in tops:
            (packages / top).symlink_to(Path(distribution.locate_file(top)))
        required = [
            re.match(r"[\w.-]+", line)[0] for line in distribution.requires or () if "extra ==" not in line
        ]
        needed += [other for other in required if other not in needed]  # the list grows while it is walked
    results = run_documented_script(str(tmp_path / "venv" / "bin" / "python"), exported)
    expected = load(model).rollout(results["u0"], PARAMETERS, 2)
    assert_same(results["frames"], np.asarray(expected))


@pytest.mark.slow
def test_the_documented_script_runs_in_an_environment_made_by_pip(model, exported, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "-q", f"jax=={jax.__version__}", "flatbuffers"]
    subprocess.run(install, check=True, timeout=600)
    results = run_documented_script(python, exported)
    expected = load(model).rollout(results["u0"], PARAMETERS, 2)
    assert_same(results["frames"], np.asarray(expected))
