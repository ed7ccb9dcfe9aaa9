"""Predictions to files: their layout, bounded memory, and what a killed prediction leaves."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from flax import nnx
from small_files import write_scalar
from small_surrogates import SMALL, problem_of, surrogate_of

from cape.cli import main
from cape.datasets.opening import find_files, open_files
from cape.datasets.simulate.writer import write
from cape.inference import predict as prediction
from cape.inference.initial_conditions_from_files import InitialConditionsFromFiles
from cape.inference.simulated_initial_conditions import SimulatedInitialConditions
from cape.model.conditionings.unconditioned import UnconditionedConfig
from cape.model.config import ModelConfig
from cape.pretrained import save
from cape.surrogate import Surrogate

LONG = """
import resource, sys
from cape.inference import predict as prediction
from cape.inference.simulated_initial_conditions import SimulatedInitialConditions
prediction._CHUNK_VALUES = 2**15
peaks = []
for steps in (1000, 10000):
    options = {"overwrite": True, "progress": False}
    prediction.predict(sys.argv[1], SimulatedInitialConditions(32), sys.argv[2], steps, ["Nu=0.1"], **options)
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(*peaks)
"""


def python(code: str, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.thorough
def test_ten_times_the_steps_take_no_more_memory(burgers, tmp_path):
    running = python(LONG, burgers, tmp_path / "p.hdf5")
    out, err = running.communicate(timeout=200)
    assert running.returncode == 0, err
    few, many = map(float, out.split())
    written = (tmp_path / "p.hdf5").stat().st_size / 2**20
    assert written > 19
    assert many - few < 0.4 * written, f"peak {few} MiB at 1000 steps, {many} MiB at 10000"


@pytest.mark.thorough
def test_a_killed_prediction_leaves_nothing_readers_see_and_the_next_one_cleans_up(burgers, tmp_path):
    out = tmp_path / "p.hdf5"
    code = "import sys; from cape.cli import main; main(sys.argv[1:])"
    options = ["--simulate", 1, "--parameter", "Nu=0.1", "--steps", 10**7, "--out", out, "--quiet"]
    running = python(code, "predict", burgers, *options)
    deadline = time.time() + 120
    while not any(path.stat().st_size > 2**20 for path in tmp_path.iterdir()):
        assert running.poll() is None, running.communicate()
        assert time.time() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    lock, left = sorted((path.name for path in tmp_path.iterdir()), key=len)
    assert lock == ".p.hdf5.lock"
    assert left.startswith(".p.hdf5.") and left.endswith(".partial.hdf5")
    with pytest.raises(ValueError, match="a folder without .hdf5 or .h5 files"):
        find_files(tmp_path)
    prediction.predict(burgers, SimulatedInitialConditions(1), out, 1, ["Nu=0.1"], progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["p.hdf5"]


def test_every_axis_keeps_its_own_kind_of_boundary(tmp_path):
    it = problem_of("navier-stokes", boundaries=("periodic", "wall"), equation="own", channels=("h",))
    save(surrogate_of(it), tmp_path / "model")
    layout = {"coordinates": [(np.arange(16) + 0.5) / 16] * 2, "times": 0.1 * np.arange(2)}
    layout |= {"parameters": np.full((2, 2), 0.1), "parameter_names": ("nu", "forcing")}
    u = np.random.default_rng(0).normal(size=(2, 2, 16, 16, 1))
    attributes = {"equation": "own", "boundary": "periodic, wall"}
    names = {"channel_names": ("h",), "initial_conditions": np.arange(2)}
    file = write(tmp_path / "start.hdf5", u, attributes=attributes, **names, **layout)
    out = prediction.predict(
        tmp_path / "model", InitialConditionsFromFiles((file,)), tmp_path / "p", 1, progress=False
    )
    assert open_files(out).boundaries == ("periodic", "wall")
    for wrong in ("periodic, open", "wall, wall, wall"):
        write(tmp_path / "w.hdf5", u, attributes=attributes | {"boundary": wrong}, **names, **layout)
        with pytest.raises(ValueError, match=f"'boundary' is '{wrong}', expected one of .* or 2 of them"):
            open_files(tmp_path / "w.hdf5")
        (tmp_path / "w.hdf5").unlink()


def test_folders_are_opened_without_files_whose_names_start_with_a_dot(tmp_path):
    write_scalar(tmp_path / "1D_Advection_Sols_beta1.0.hdf5")
    (tmp_path / "._1D_Advection_Sols_beta1.0.hdf5").write_bytes(b"of another system")
    assert [path.name for path in find_files(tmp_path)] == ["1D_Advection_Sols_beta1.0.hdf5"]


@pytest.mark.thorough
@pytest.mark.parametrize("channels", [("h", "w"), ("u",), ("density", "pressure", "Vx", "Vy", "Vz")])
def test_three_dimensions_and_no_parameters_take_the_same_way(channels, tmp_path):
    names = {"channels": channels, "parameters": (), "low": (), "high": ()}
    cube = {
        "boundaries": ("periodic",) * 3,
        "resolution": (6,) * 3,
        "origin": (0.0,) * 3,
        "length": (1.0,) * 3,
    }
    statistics = {"channel_mean": (0.0,) * len(channels), "channel_std": (1.0,) * len(channels)}
    own = problem_of("burgers", equation="own", **names, **cube, **statistics)
    save(Surrogate(own, ModelConfig(SMALL, UnconditionedConfig()), rngs=nnx.Rngs(0)), tmp_path / "model")
    u = np.random.default_rng(0).normal(size=(2, 2, 6, 6, 6, len(channels)))
    layout = {
        "coordinates": [np.arange(6) / 6] * 3,
        "times": 0.1 * np.arange(2),
        "parameters": np.zeros((2, 0)),
    }
    layout |= {"parameter_names": (), "channel_names": channels, "initial_conditions": np.arange(2)}
    attributes = {"equation": "own", "boundary": "periodic"}
    file = write(tmp_path / "start.hdf5", u, attributes=attributes, **layout)
    out = prediction.predict(
        tmp_path / "model", InitialConditionsFromFiles((file,)), tmp_path / "p", 2, progress=False
    )
    found = open_files(out)
    assert found.fields.shape == (2, 3, 6, 6, 6, len(channels))
    assert (found.parameter_names, found.channel_names) == ((), channels)
    np.testing.assert_array_equal(found.read()[:, 0], u[:, 0].astype(np.float32))
    if channels == ("h", "w"):  # once is enough
        data = ["--data", str(out), "--out", str(tmp_path / "evaluation")]
        assert main(["evaluate", str(tmp_path / "model"), *data]) == 0
        row = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["rows"][0]
        assert row["nRMSE"] < 1e-5
        assert "error_over_parameter.png" not in {path.name for path in (tmp_path / "evaluation").iterdir()}
    assert main(["inspect", str(out)]) == 0
