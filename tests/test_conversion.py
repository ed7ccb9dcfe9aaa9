"""Published PyTorch weights become surrogates of ours."""

import json
import math
import os
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from differences import difference
from small_files import cell_centres, write_compressible, write_scalar

import cape
from cape.cli import main
from cape.commands import convert as commands
from cape.model.config import Channels, PaperCape, PaperFNO, PaperUNet, Unaware
from cape.paper.conversion.architecture import Architecture
from cape.paper.conversion.convert import FromFiles, Stated, as_surrogate, convert
from cape.paper.conversion.torch_checkpoint import read_checkpoint, uniform_names
from cape.pretrained import load

TOLERANCE = 1e-5  # max|a - b| / max|b|, float32 against float32
STATED = Stated(values={"Nu": (0.5, 2.0)}, dt=0.1, steps=5, resolution=(16,), origin=(0.03125,))


# ---- weights as the published implementation names and shapes them -------------------------------------------


def fno(inputs=1, outputs=None, width=3, modes=(2,), layers=2, projection=5):
    """Shapes of a base FNO that takes `inputs` channels beside the coordinates."""
    d, outputs = len(modes), outputs or inputs
    shapes = {"fc0.weight": (width, inputs + d), "fc0.bias": (width,)}
    for i in range(layers):
        shapes |= {f"conv{i}.weights{k + 1}": (width, width, *modes) for k in range(2 ** (d - 1))}
        shapes |= {f"w{i}.weight": (width, width, *(1,) * d), f"w{i}.bias": (width,)}
    shapes |= {"fc1.weight": (projection, width), "fc1.bias": (projection,)}
    return shapes | {"fc2.weight": (outputs, projection), "fc2.bias": (outputs,)}


def unet(inputs=1, features=2, levels=1, d=1):
    """Shapes of a base U-Net."""

    def block(long, short, into, out):
        shapes = {}
        for i, channels in ((1, into), (2, out)):
            shapes[f"{long}.{short}conv{i}.weight"] = (out, channels, *(3,) * d)
            parts = ("weight", "bias", "running_mean", "running_var")
            shapes |= {f"{long}.{short}norm{i}.{part}": (out,) for part in parts}
            shapes[f"{long}.{short}norm{i}.num_batches_tracked"] = ()
        return shapes

    wide, shapes, into = features, {}, inputs
    for i in range(1, levels + 1):
        shapes |= block(f"encoder{i}", f"enc{i}", into, wide)
        into, wide = wide, 2 * wide
    shapes |= block("bottleneck", "bottleneck", into, wide)
    for i in range(levels, 0, -1):
        wide //= 2
        shapes |= {f"upconv{i}.weight": (2 * wide, wide, *(2,) * d), f"upconv{i}.bias": (wide,)}
        shapes |= block(f"decoder{i}", f"dec{i}", 2 * wide, wide)
    return shapes | {"conv.weight": (inputs, features, *(1,) * d), "conv.bias": (inputs,)}


def wrapped(base, channels=1, parameters=1, grid=(16,), widening=4, kernel=3, modes=2, last=1):
    """Shapes of a base solver in CAPE; `last` is the width of the block's last convolution."""
    d, half = len(grid), widening // 2
    block = {"CNN_0.weight": (half, channels, *(kernel,) * d), "CNN_AD.weight": (widening, 1, *(kernel,) * d)}
    block |= {f"CNN_SC.weights{k + 1}": (half, widening, *(modes,) * d) for k in range(2 ** (d - 1))}
    for name in ("CNN_1", "CNN_AC"):
        block |= {f"{name}.weight": (widening, half, *(1,) * d), f"{name}.bias": (widening,)}
    block |= {"CNN_2.weight": (channels, widening, *(last,) * d)} | (
        {"CNN_2.bias": (channels,)} if last == 1 else {}
    )
    for i in range(3):
        block |= {f"fc{i}a.weight": (half, parameters), f"fc{i}a.bias": (half,)}
        block |= {f"fc{i}b.weight": (widening, half), f"fc{i}b.bias": (widening,)}
    block |= {"LN.weight": grid, "LN.bias": grid}
    shapes = {f"model.{name}": shape for name, shape in base.items()}
    shapes |= {f"PrmEmb_Pre.0.{name}": shape for name, shape in block.items()}
    return shapes | {
        "mix_emb.weight": (channels, 2 * channels, *(1,) * d),
        "mix_emb.bias": (channels,),
    }


def tensors(shapes, seed=0):
    """Random weights of these shapes: complex where spectral, positive where variances."""
    random, arrays = np.random.default_rng(seed), {}
    for name, shape in shapes.items():
        values = random.normal(size=(2, *shape))
        if "weights" in name:
            arrays[name] = (values[0] + 1j * values[1]).astype(np.complex64)
        else:
            arrays[name] = np.asarray(np.exp(values[0]) if "var" in name else values[0], np.float32)
    return arrays


def surrogate_of(shapes, description=STATED, seed=0):
    return as_surrogate(uniform_names(tensors(shapes, seed)), description)


def field(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# ---- the numbers ----------------------------------------------------------------------------------------------


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def published_fno(w, x):
    """The forward pass written with the published layouts: x [batch, points, channels and coordinate]."""
    h = np.einsum("bxi,oi->box", x, w["fc0.weight"]) + w["fc0.bias"][:, None]
    h = np.pad(h, [(0, 0), (0, 0), (0, 2)])
    for i in range(2):
        spectrum = np.zeros((*h.shape[:-1], h.shape[-1] // 2 + 1), complex)
        spectrum[..., :2] = np.einsum("bik,iok->bok", np.fft.rfft(h)[..., :2], w[f"conv{i}.weights1"])
        pointwise = np.einsum("bix,oi->box", h, w[f"w{i}.weight"][..., 0]) + w[f"w{i}.bias"][:, None]
        h = np.fft.irfft(spectrum, h.shape[-1]) + pointwise
        h = gelu(h) if i == 0 else h
    h = np.moveaxis(h[..., :-2], 1, -1)
    return gelu(h @ w["fc1.weight"].T + w["fc1.bias"]) @ w["fc2.weight"].T + w["fc2.bias"]


def test_an_fno_gives_what_its_published_layouts_mean():
    shapes, u = fno(), field(2, 16, 1)
    x = (STATED.origin[0] + np.arange(16) / 16)[None, :, None].repeat(2, 0)
    expected = published_fno(tensors(shapes), np.concatenate([u, x], -1))
    found = surrogate_of(shapes).rollout(u, {"Nu": 1.0}, 1)[:, 0]
    assert difference(found, expected) < TOLERANCE


def test_the_parameters_as_channels_come_after_the_fields_and_are_not_predicted():
    shapes, u = fno(inputs=2), field(2, 16, 1)
    x = (STATED.origin[0] + np.arange(16) / 16)[None, :, None].repeat(2, 0)
    expected = published_fno(tensors(shapes), np.concatenate([u, np.full_like(u, 0.7), x], -1))
    found = surrogate_of(shapes).rollout(u, {"Nu": 0.7}, 1)[:, 0]
    assert difference(found, expected[..., :1]) < TOLERANCE


REFERENCES = {  # how the arrays' grid begins; conditioned ones tell the rest
    "fno1d_w36": 1 / 2048,
    "fno2d_w10": 1 / 128,
    "unet1d_f8": 0.5 / 128,
    "unet2d_f4": 0.5 / 32,
    "cape_fno1d_w20": 1 / 2048,
    "cape_fno2d_w8_wd32": 1 / 128,
    "cape_unet1d_f8": 0.5 / 128,
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_saved_state_dict_gives_the_published_output(reference, name, tmp_path):
    torch = pytest.importorskip("torch")
    arrays = dict(np.load(reference / f"{name}.npz"))
    state = {k.removeprefix("sd."): torch.as_tensor(v) for k, v in arrays.items() if k.startswith("sd.")}
    torch.save({"epoch": 3, "model_state_dict": state, "loss": 0.1}, tmp_path / "weights.pt")
    space_last = "unet" in name
    u, y = arrays["x"], arrays["y_eval" if space_last else "y"]
    if space_last:
        u, y = np.moveaxis(u, 1, -1), np.moveaxis(y, 1, -1)
    parameters = arrays.get("param", np.ones((len(u), 1), np.float32))
    names = ("M", "eta", "zeta")[: parameters.shape[1]]
    stated = Stated(
        values={n: (float(v.min()), float(v.max())) for n, v in zip(names, parameters.T, strict=True)},
        channels=tuple(f"u{i}" for i in range(u.shape[-1])),
        dt=0.05,
        steps=40,
        resolution=u.shape[1:-1],
        origin=(REFERENCES[name],),
    )
    convert(tmp_path / "weights.pt", tmp_path / "model", stated)
    expected = (
        np.moveaxis(arrays["rollout5"], -2, 1) if "rollout5" in arrays else y.reshape(len(u), 1, *u.shape[1:])
    )
    found = cape.load(tmp_path / "model").rollout(u, parameters, expected.shape[1])
    assert difference(found[:, 0], y.reshape(u.shape)) < TOLERANCE
    assert difference(found, expected) < TOLERANCE


# ---- what is inferred -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shapes", "base", "conditioning"),
    [
        (fno(), PaperFNO(3, 2, 2, 5), Unaware(residual=False)),
        (fno(inputs=2, layers=3), PaperFNO(3, 2, 3, 5), Channels(residual=False)),
        (unet(levels=2), PaperUNet(2, 2), Unaware(residual=False)),
        (unet(inputs=2, features=4), PaperUNet(4, 1), Channels(residual=False)),
        (wrapped(fno(2)), PaperFNO(3, 2, 2, 5), PaperCape(4, 3, 2)),
        (wrapped(unet(2), kernel=5, last=5), PaperUNet(2, 1), PaperCape(4, 5, 2, pointwise_output=False)),
    ],
)
def test_kind_and_sizes_are_inferred(shapes, base, conditioning):
    surrogate = surrogate_of(shapes)
    assert (surrogate.config.base, surrogate.config.conditioning) == (base, conditioning)
    assert surrogate.problem.resolution == (16,) and surrogate.config.normalise == "off"
    assert jnp.isfinite(surrogate.rollout(field(1, 16, 1), {"Nu": 1.0}, 1)).all()


@pytest.mark.parametrize(("d", "grid"), [(2, (8, 8)), (3, (4, 4, 8))])
def test_more_axes_are_inferred(d, grid):
    shapes = wrapped(fno(4, modes=(2,) * d), channels=2, parameters=2, grid=grid)
    found = Architecture.of(uniform_names(tensors(shapes)))
    assert (found.dimension, found.inputs) == (d, 4)
    assert (found.channels, found.parameters, found.resolution) == (2, 2, grid)
    stated = Stated(
        {"a": (1.0, 2.0), "b": (1.0, 3.0)}, channels=("u", "v"), dt=0.1, steps=2, origin=(0.1,) * d
    )
    surrogate = surrogate_of(shapes, stated)
    assert surrogate.problem.boundaries == ("periodic",) * d and surrogate.problem.high == (2.0, 3.0)


@pytest.mark.parametrize("before", ["", "module.", "_orig_mod.module."])
def test_what_wrappers_put_before_names_goes(before):
    for shapes in (fno(), unet(), wrapped(fno(2))):
        arrays = tensors(shapes)
        found = uniform_names({before + name: array for name, array in arrays.items()})
        assert found.keys() == uniform_names(arrays).keys()
        assert all(name.startswith(("model.", "mix_emb.", "PrmEmb_Pre.0.")) for name in found)
    bare = {f"model.{name}": array for name, array in tensors(fno()).items()}
    assert uniform_names(bare).keys() == uniform_names(tensors(fno())).keys()


def test_files_tell_the_problem_and_the_grid_of_the_block_its_stride(tmp_path):
    u = field(3, 5, 32)
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.5.hdf5", u, x=cell_centres(32), Nu=0.5)
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu2.0.hdf5", u, x=cell_centres(32), Nu=2.0)
    problem = surrogate_of(wrapped(fno(2)), FromFiles((str(tmp_path),), time_stride=2)).problem
    assert (problem.resolution, problem.steps, problem.dt) == ((16,), 2, 0.5)
    assert problem.origin == pytest.approx((1 / 64,)) and problem.equation == "burgers"
    assert problem.values == ((0.5,), (2.0,))


@pytest.mark.parametrize("shapes", [wrapped(fno(6), channels=3, parameters=2), fno(5), unet(5)])
def test_parameters_in_another_order_give_the_same_output(tmp_path, shapes):
    file = write_compressible(tmp_path / "1D_CFD_Eta0.1_Zeta0.2_trans.hdf5", points=16, eta=0.1, zeta=0.2)
    files, u = (str(file),), field(2, 16, 3)
    arrays = uniform_names(tensors(shapes))
    swapped = dict(arrays)
    for name, array in arrays.items():
        if name in ("model.fc0.weight", "model.encoder1.enc1conv1.weight") and "mix_emb.bias" not in arrays:
            swapped[name] = np.concatenate([array[:, :3], array[:, [4, 3]], array[:, 5:]], 1)
        elif name.startswith("PrmEmb_Pre.0.fc") and name.endswith("a.weight"):
            swapped[name] = array[:, ::-1]
    one = as_surrogate(arrays, FromFiles(files, parameters=("eta", "zeta")))
    other = as_surrogate(swapped, FromFiles(files, parameters=("zeta", "eta")))
    assert one.problem == other.problem
    p = {"eta": 0.3, "zeta": 0.9}
    with pytest.warns(cape.surrogate.OutsideTrainedRange):
        np.testing.assert_array_equal(one.rollout(u, p, 1), other.rollout(u, p, 1))
    with pytest.raises(ValueError, match="do not tell the order of the parameters: give all of eta, zeta"):
        as_surrogate(arrays, FromFiles(files))


# ---- what is refused ------------------------------------------------------------------------------------------


def without(shapes, *names):
    return {name: shape for name, shape in shapes.items() if name not in names}


@pytest.mark.parametrize(
    ("shapes", "changes", "message"),
    [
        (fno(), {"dt": 0.0, "steps": 0, "origin": ()}, "do not tell --dt, --steps, --origin: give them"),
        (wrapped(unet(2)), {"values": {"Nu": ()}}, "do not tell --parameter"),
        (fno(inputs=10), {}, "takes 10 channels; expected 1 .* or 2 .*several frames"),
        (fno(), {"resolution": (16, 16)}, "expected 1 entries of resolution"),
        (fno(), {"boundaries": ("open",)}, "boundary 'open', expected one of"),
        (unet(levels=2), {"resolution": (18,)}, "divisible by 2"),
        (wrapped(fno(2), grid=(32,)), {}, "weights are for 32 points, .* got 16 points"),
        (wrapped(fno(2), parameters=2), {}, "2 parameter.s., got .*the parameters .'Nu'"),
        (fno() | {"extra.weight": (2,)}, {}, "of no known architecture: model.extra.weight"),
        (wrapped(fno(2)) | {"PrmEmb_Pre.1.CNN_0.weight": (2,)}, {}, "known architecture: PrmEmb_Pre.1.CNN_0"),
        (without(fno(), "w1.bias"), {}, "the tensor 'model.w1.bias' is missing"),
        (without(wrapped(fno(2)), "mix_emb.weight"), {}, "tensor 'mix_emb.weight' is missing"),
        (without(unet(), "encoder1.enc1norm1.running_mean"), {}, "running statistics .* are missing"),
        (fno() | {"conv1.weights1": (3, 3, 4)}, {}, "model.conv1: expected the shape"),
        (fno(modes=(2, 3)), {}, "same modes on every axis, got 2 x 3"),
    ],
)
def test_weights_and_descriptions_that_do_not_fit_are_named(shapes, changes, message):
    stated = Stated(**{**{f: getattr(STATED, f) for f in STATED.__dataclass_fields__}, **changes})
    with pytest.raises(ValueError, match=message):
        surrogate_of(shapes, stated)


def test_weights_that_are_not_finite_are_named():
    arrays = uniform_names(tensors(fno()))
    arrays["model.fc1.bias"][2] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in model\.fc1\.bias"):
        as_surrogate(arrays, STATED)


# ---- files ------------------------------------------------------------------------------------------------------


class Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture
def torch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return pytest.importorskip("torch")


def save(torch, content, name="weights.pt"):
    def as_tensors(item):
        if isinstance(item, dict):
            return {key: as_tensors(value) for key, value in item.items()}
        return torch.as_tensor(item) if isinstance(item, np.ndarray) else item

    torch.save(as_tensors(content), name)
    return name


def test_a_checkpoint_is_converted_whole_with_its_provenance(torch, tmp_path):
    arrays = tensors(wrapped(fno(2)))
    weights = save(torch, {"ema": {f"module.{k}": v.astype(v.dtype) for k, v in arrays.items()}, "epoch": 1})
    converted = convert(weights, tmp_path / "model", STATED)
    assert sorted(os.listdir(tmp_path)) == ["model", "weights.pt"]
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["published"]["converted_from"] == "weights.pt"
    u = field(1, 16, 1)
    again = load("model")
    np.testing.assert_array_equal(again.rollout(u, [1.0], 2), converted.rollout(u, [1.0], 2))
    np.testing.assert_array_equal(
        again.rollout(u, [1.0], 2), surrogate_of(wrapped(fno(2))).rollout(u, [1.0], 2)
    )
    with pytest.raises(FileExistsError, match="model: is there already"):
        convert(weights, "model", STATED)


def test_of_several_state_dicts_one_is_chosen(torch):
    one, other = tensors(fno(), seed=0), tensors(fno(), seed=1)
    weights = save(torch, {"net": one, "average": {"model": other}, "optimizer": {"state": {0: {"step": 3}}}})
    with pytest.raises(ValueError, match="several state dicts; choose by --entry one of average.model, net"):
        read_checkpoint(weights)
    for entry, arrays in (("net", one), ("average.model", other)):
        np.testing.assert_array_equal(
            read_checkpoint(weights, entry)["model.fc0.weight"], arrays["fc0.weight"]
        )
    with pytest.raises(
        ValueError, match="no weights of a known architecture under 'best'.*found net, average"
    ):
        read_checkpoint(weights, "best")


def test_other_precisions_are_read_as_single(torch):
    double = {k: v.astype(np.complex128 if "weights" in k else np.float64) for k, v in tensors(fno()).items()}
    weights = save(torch, double)
    assert {a.dtype.name for a in read_checkpoint(weights).values()} == {"float32", "complex64"}


def test_nothing_in_a_checkpoint_is_executed(torch, tmp_path):
    save(torch, {**tensors(fno()), "optimizer": Evil()})
    with pytest.raises(ValueError, match=r"weights.pt: refused, .*\(posix.mkdir\) would run code") as error:
        convert("weights.pt", "model", STATED)
    assert "weights_only" not in str(error.value) and os.listdir(tmp_path) == ["weights.pt"]


@pytest.mark.parametrize("content", [b"", b"broken", b"PK\x03\x04", b"\x80\x04N."])
def test_a_damaged_checkpoint_is_named(torch, tmp_path, content):
    (tmp_path / "weights.pt").write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.pt: "):
        read_checkpoint("weights.pt")


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        ImportError, match=r"weights.pt needs PyTorch: pip install torch, or 'cape-jax\[convert\]'"
    ):
        read_checkpoint("weights.pt")


def test_a_checkpoint_is_not_loaded_but_the_command_named(torch):
    with pytest.raises(
        ValueError, match="a file, expected a pretrained folder .*`cape convert FILE --out FOLDER`"
    ):
        load(save(torch, tensors(fno())))


# ---- the command ------------------------------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch):
    monkeypatch.setattr(commands, "prepare_jax", lambda: None)  # no cache of compiled programs for tests
    return lambda *arguments: main(["convert", "weights.pt", "--out", "model", *arguments])


GRID = ["--dt", "0.1", "--steps", "5", "--resolution", "16", "--origin", "0.03125"]


def test_the_command_takes_the_problem_from_options_or_files(torch, command, capsys, tmp_path):
    save(torch, tensors(fno(2)))
    assert command("--parameter", "Nu=0.5,2", *GRID) == 0
    assert "Nu 0.5 to 2; 16 points; 5 steps of 0.1; Channels around PaperFNO" in capsys.readouterr().out
    assert load("model").problem == STATED.problem(Architecture.of(uniform_names(tensors(fno(2)))))
    os.rename("model", "stated")
    write_scalar(tmp_path / "1D_Burgers_Sols_Nu0.5.hdf5", field(3, 5, 32), x=cell_centres(32), Nu=0.5)
    assert command("--data", "1D_Burgers_Sols_Nu0.5.hdf5", "--space-stride", "2") == 0
    assert load("model").problem.equation == "burgers"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "do not tell --dt, --steps, --resolution, --origin, --parameter: give them"),
        (["--parameter", "Nu", *GRID], "--parameter: expected NAME=VALUE, such as Nu=0.01, got 'Nu'"),
        (
            ["--parameter", "Nu=a,2", *GRID],
            "--parameter: Nu: expected numbers, separated by commas, got 'a,2'",
        ),
        (["--data", "nothing.hdf5"], "nothing.hdf5"),
    ],
)
def test_the_command_names_mistakes_in_one_line(torch, command, options, message, capsys):
    save(torch, tensors(fno(2)))
    assert command(*options) == 1
    printed = capsys.readouterr().err
    assert message in printed and printed.startswith("cape convert: ") and printed.count("\n") == 1
    assert os.listdir() == ["weights.pt"]
