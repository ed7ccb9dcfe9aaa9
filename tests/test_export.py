"""Exported rollouts: equal to the surrogate's, on any grid, without this package; every refusal."""

import dataclasses
import importlib.metadata
import importlib.util
import json
import re
import subprocess
import venv
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from cape import cli
from cape.model.config import (
    FNO,
    Cape,
    ConvNextUNet,
    FactorisedFNO,
    MessagePassing,
    ModelConfig,
    PaperCape,
    PaperFNO,
    UNet,
)
from cape.pretrained import load, save
from cape.problem import Problem
from cape.release.export import METADATA, PROGRAM, export, open_grid
from cape.solvers.layers.fourier import irfftn, rfftn
from cape.surrogate import Surrogate

pytest.importorskip("flatbuffers")
SMALL = FNO(width=4, modes=3, layers=1, projection=4, kernel=3)
DOCUMENT = Path(__file__).parents[1] / "docs" / "export.md"
PARAMETERS = np.array([[0.03], [0.3]], np.float32)


def surrogate_of(*points, base=SMALL, conditioning=None, boundary="periodic", channels=1):
    dimension = len(points)
    problem = Problem(
        equation="burgers",
        channels=("u", "v")[:channels],
        parameters=("Nu",),
        boundaries=(boundary,) * dimension,
        resolution=points,
        origin=tuple(0.5 / n for n in points),
        length=(1.0,) * dimension,
        dt=0.2,
        steps=2,
        channel_mean=(0.3,) * channels,
        channel_std=(2.0,) * channels,
        low=(0.01,),
        high=(1.0,),
    )
    config = ModelConfig(base, conditioning or Cape(heads=2, width=4))
    return Surrogate(problem, config, rngs=nnx.Rngs(0))


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


def read(file):
    with zipfile.ZipFile(file) as archive:
        program = jax.export.deserialize(bytearray(archive.read(PROGRAM)))
        return program, json.loads(archive.read(METADATA))


def field(*points, batch=2, channels=1):
    """Random values on every point: what is most sensitive to a wrong mode."""
    return np.random.default_rng(0).standard_normal((batch, *points, channels)).astype(np.float32)


def assert_same(found, expected, tolerance=1e-6):
    assert found.shape == expected.shape
    assert np.linalg.norm(found - expected) <= tolerance * np.linalg.norm(expected)


def test_a_file_gives_the_rollout_of_any_batch_on_any_grid(model, exported):
    program, metadata = read(exported)
    assert metadata["grid"] == {"multiple_of": 16, "at_least": 16}
    for points, batch in ((48, 2), (256, 3)):
        u0, parameters = field(points, batch=batch), np.geomspace(0.01, 1, batch, dtype=np.float32)[:, None]
        expected = load(model).rollout(u0, parameters, 2)
        assert_same(np.asarray(program.call(u0, parameters)), np.asarray(expected))
    with pytest.raises(ValueError, match="remainder"):
        program.call(field(20), PARAMETERS)


@pytest.mark.parametrize(
    ("points", "base", "boundary"),
    [
        ((8, 12), SMALL, "periodic"),
        ((8, 8), UNet(features=4, levels=1), "outgoing"),
        ((8,), SMALL, "wall"),
        ((8, 12), FactorisedFNO(width=4, modes=2, layers=1, projection=4, kernel=3), "wall"),
        ((8,), ConvNextUNet(features=4, levels=1, kernel=5, expansion=1), "periodic"),
        ((8,), MessagePassing(width=4, layers=1, radius=3), "periodic"),
    ],
)
def test_two_dimensions_walls_and_other_solvers_leave_the_grid_open_too(tmp_path, points, base, boundary):
    surrogate = surrogate_of(*points, base=base, boundary=boundary, channels=2)
    save(surrogate, tmp_path / "model")
    export(tmp_path / "model", tmp_path / "file", 1)
    program, metadata = read(tmp_path / "file")
    finer = tuple(2 * n for n in points)
    u0 = 1.0 + 0.1 * field(*finer, channels=2)  # group norm of a field of noise alone amplifies rounding
    assert metadata["grid"]["multiple_of"] < 16
    assert_same(np.asarray(program.call(u0, PARAMETERS)), np.asarray(surrogate.rollout(u0, PARAMETERS, 1)))


def test_a_grid_asked_for_or_tied_to_the_weights_is_the_only_one(tmp_path, model):
    save(surrogate_of(8, conditioning=PaperCape(widening=4), base=PaperFNO(4, 3, 1, 4)), tmp_path / "tied")
    assert export(tmp_path / "tied", tmp_path / "tied.stablehlo")["grid"] == {"sizes": [8]}
    assert export(model, tmp_path / "fixed", resolution=(20,))["grid"] == {"sizes": [20]}
    for folder, file, points in ((tmp_path / "tied", "tied.stablehlo", 8), (model, "fixed", 20)):
        program, _ = read(tmp_path / file)
        u0 = field(points)
        expected = load(folder).rollout(u0, PARAMETERS, 2)
        assert_same(np.asarray(program.call(u0, PARAMETERS)), np.asarray(expected))
    with pytest.raises(ValueError, match="shape"):
        program.call(field(16), PARAMETERS)


def test_training_grids_that_cannot_be_left_open():
    assert open_grid(surrogate_of(15)) is None
    assert open_grid(surrogate_of(16, base=dataclasses.replace(SMALL, modes=9))) is None
    assert open_grid(surrogate_of(16, base=UNet(features=4, levels=3))) == (16, 16)
    assert open_grid(surrogate_of(40, 12)) == (4, 8)
    assert open_grid(surrogate_of(24, base=ConvNextUNet(features=4, levels=1, kernel=19))) == (8, 24)
    assert open_grid(surrogate_of(8, base=MessagePassing(width=4, layers=1, radius=9))) is None


def test_metadata_say_what_to_put_in_and_files_are_reproducible(model, exported, tmp_path):
    program, metadata = read(exported)
    assert metadata["parameters"] == ["Nu"] and metadata["channels"] == ["u"]
    assert metadata["trained_range"] == {"Nu": [0.01, 1.0]}
    assert (metadata["dt"], metadata["steps"], metadata["boundaries"]) == (0.2, 2, ["periodic"])
    assert program.platforms == ("cpu", "cuda", "tpu")
    export(model, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == exported.read_bytes()
    with zipfile.ZipFile(exported) as archive:
        assert str(Path(__file__).parents[1]).encode() not in archive.read(PROGRAM)


@pytest.mark.parametrize("points", [(32,), (6, 8), (4, 12, 6)])
def test_transforms_on_open_grids_are_those_of_numpy(points):
    axes = tuple(range(1, 1 + len(points)))
    sizes = ", ".join(f"2*{axis}" for axis in "xyz"[: len(points)])
    (shape,) = (jax.export.symbolic_shape(f"{sizes}, 2", constraints=("x >= 1",)),)
    argument = jax.ShapeDtypeStruct((3, *shape), jnp.float32)
    u = field(*points, batch=3, channels=2)
    spectrum = jax.export.export(jax.jit(lambda u: rfftn(u, axes)))(argument).call(u)
    assert_same(np.asarray(spectrum), np.fft.rfftn(u, axes=axes), 3e-7)
    there_and_back = jax.jit(lambda u: irfftn(rfftn(u, axes) * 1j, u.shape[1:-1], axes))
    expected = np.fft.irfftn(np.fft.rfftn(u, axes=axes) * 1j, s=points, axes=axes)
    assert_same(np.asarray(jax.export.export(there_and_back)(argument).call(u)), expected, 5e-7)


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


def test_command_line(model, tmp_path, capsys):
    out = tmp_path / "new" / "model.stablehlo"
    assert cli.main(["export", str(model), "--out", str(out), "--steps", "3", "--resolution", "32"]) == 0
    assert "3 steps, any batch, only on the grid 32" in capsys.readouterr().out
    assert cli.main(["export", str(model), "--out", str(out)]) == 1
    assert "already there" in capsys.readouterr().err
    assert cli.main(["export", str(model), "--out", str(out), "--overwrite"]) == 0
    assert "2 steps, any batch, any grid whose sizes are multiples of 16" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["model.stablehlo"]


def test_refusals_leave_no_file(model, tmp_path, monkeypatch):
    out = tmp_path / "file"
    save(surrogate_of(8, base=UNet(features=4, levels=2)), tmp_path / "unet")
    for arguments, message in [
        ((tmp_path / "absent", out), "expected a pretrained folder"),
        ((model, out, -1), "at least one step"),
        ((model, out, 2, (16, 16)), "expected 1 sizes"),
        ((model, out, 2, (0,)), "expected 1 sizes"),
        ((tmp_path / "unet", out, 2, (6,)), "divisible by"),
        ((model, tmp_path), "a folder"),
    ]:
        with pytest.raises(ValueError, match=message):
            export(*arguments)
    damaged = tmp_path / "damaged"
    save(surrogate_of(16), damaged)
    (damaged / "weights.safetensors").write_bytes(b"half a fi")
    with pytest.raises(ValueError, match="weights.safetensors: damaged"):
        export(damaged, out)
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="already there"):
        export(model, out)
    assert out.read_text() == "mine"
    out.unlink()
    monkeypatch.setattr(zipfile.ZipFile, "writestr", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        export(model, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged", "unet"]
    known = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "flatbuffers" else known(name)
    )
    with pytest.raises(ImportError, match=r"cape-jax\[export\]"):
        export(model, out)


def test_a_damaged_file_is_refused(exported, tmp_path):
    content = bytearray(exported.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises((zipfile.BadZipFile, zipfile.zlib.error)):
        read(tmp_path / "damaged")
