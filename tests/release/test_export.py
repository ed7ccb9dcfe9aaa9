"""Exported rollouts: equal to the surrogate's, on any grid; every refusal."""

import importlib.util
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exports import PARAMETERS, SMALL, assert_same, field, read, surrogate_of
from flax import nnx

from cape import cli
from cape.identification.equation import IdentifiedEquation
from cape.identification.terms import Factor, Term
from cape.paper.cape import PaperCAPEConfig
from cape.paper.fno import PaperFNOConfig
from cape.pretrained import load, save
from cape.release.export import PROGRAM, export
from cape.solvers.convnext_unet import ConvNextUNetConfig
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.layers.fourier import irfftn, rfftn
from cape.solvers.message_passing import MessagePassingConfig
from cape.solvers.unet import UNetConfig
from cape.surrogate import Surrogate

pytest.importorskip("flatbuffers")
pytestmark = pytest.mark.filterwarnings("ignore::cape.out_of_distribution.OtherResolution")


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
        ((8,), SMALL, "wall"),
        *(
            pytest.param(*case, marks=pytest.mark.thorough)
            for case in [
                ((8, 12), SMALL, "periodic"),
                ((8, 8), UNetConfig(features=4, levels=1), "outgoing"),
                ((8, 12), FactorisedFNOConfig(width=4, modes=2, layers=1, projection=4, kernel=3), "wall"),
                ((8,), ConvNextUNetConfig(features=4, levels=1, kernel=5, expansion=1), "periodic"),
                ((8,), MessagePassingConfig(width=4, layers=1, radius=3), "periodic"),
            ]
        ),
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


@pytest.mark.thorough
def test_an_identified_equation_leaves_batch_and_grid_open_too(tmp_path):
    plain = surrogate_of(16)
    terms = (Term(0, (Factor(0, (2,)),)), Term(0, (Factor(0, (0,)), Factor(0, (1,)))))
    equation = IdentifiedEquation("linear", terms, ((0.0, 0.5), (-0.3, 0.0)), 2, 0.01, (0.01,), 0.1)
    surrogate = Surrogate(plain.problem, plain.config, equation=equation, rngs=nnx.Rngs(0))
    save(surrogate, tmp_path / "model")
    export(tmp_path / "model", tmp_path / "file.stablehlo")
    program, _ = read(tmp_path / "file.stablehlo")
    u0 = field(32)
    assert_same(np.asarray(program.call(u0, PARAMETERS)), np.asarray(surrogate.rollout(u0, PARAMETERS, 2)))


@pytest.mark.thorough
def test_a_grid_asked_for_or_tied_to_the_weights_is_the_only_one(tmp_path, model):
    save(
        surrogate_of(8, conditioning=PaperCAPEConfig(widening=4), base=PaperFNOConfig(4, 3, 1, 4)),
        tmp_path / "tied",
    )
    assert export(tmp_path / "tied", tmp_path / "tied.stablehlo")["grid"] == {"sizes": [8]}
    assert export(model, tmp_path / "fixed", resolution=(20,))["grid"] == {"sizes": [20]}
    for folder, file, points in ((tmp_path / "tied", "tied.stablehlo", 8), (model, "fixed", 20)):
        program, _ = read(tmp_path / file)
        u0 = field(points)
        expected = load(folder).rollout(u0, PARAMETERS, 2)
        assert_same(np.asarray(program.call(u0, PARAMETERS)), np.asarray(expected))
    with pytest.raises(ValueError, match="shape"):
        program.call(field(16), PARAMETERS)


@pytest.mark.thorough
def test_metadata_say_what_to_put_in_and_files_are_reproducible(model, exported, tmp_path):
    program, metadata = read(exported)
    assert metadata["parameters"] == ["Nu"] and metadata["channels"] == ["u"]
    assert metadata["trained_range"] == {"Nu": [0.01, 1.0]}
    assert (metadata["dt"], metadata["steps"], metadata["boundaries"]) == (0.2, 2, ["periodic"])
    assert program.platforms == ("cpu", "cuda", "tpu")
    export(model, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == exported.read_bytes()
    with zipfile.ZipFile(exported) as archive:
        assert str(Path(__file__).parents[2]).encode() not in archive.read(PROGRAM)


@pytest.mark.parametrize("points", [(32,), (6, 8), pytest.param((4, 12, 6), marks=pytest.mark.thorough)])
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
    save(surrogate_of(8, base=UNetConfig(features=4, levels=2)), tmp_path / "unet")
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
