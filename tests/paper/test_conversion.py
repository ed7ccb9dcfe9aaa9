"""Published PyTorch weights become surrogates of ours."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from differences import difference
from published_weights import GIVEN, field, fno, surrogate_of, tensors, unet, wrapped
from small_files import cell_centres, write_compressible, write_scalar

import cape
from cape.out_of_distribution import OutsideTrainedRange
from cape.paper.cape import PaperCAPEConfig
from cape.paper.channels import PaperChannelsConfig
from cape.paper.conversion.architecture import Architecture
from cape.paper.conversion.convert import as_surrogate, convert
from cape.paper.conversion.described_problem import GivenProblem, ProblemFromFiles
from cape.paper.conversion.torch_checkpoint import uniform_names
from cape.paper.fno import PaperFNOConfig
from cape.paper.unconditioned import PaperUnconditionedConfig
from cape.paper.unet import PaperUNetConfig

TOLERANCE = (
    1e-5  # max|a - b| / max|b|, float32 against float32  # max|a - b| / max|b|, float32 against float32
)


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
    x = (GIVEN.origin[0] + np.arange(16) / 16)[None, :, None].repeat(2, 0)
    expected = published_fno(tensors(shapes), np.concatenate([u, x], -1))
    found = surrogate_of(shapes).rollout(u, {"Nu": 1.0}, 1)[:, 0]
    assert difference(found, expected) < TOLERANCE


def test_the_parameters_as_channels_come_after_the_fields_and_are_not_predicted():
    shapes, u = fno(inputs=2), field(2, 16, 1)
    x = (GIVEN.origin[0] + np.arange(16) / 16)[None, :, None].repeat(2, 0)
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
    given = GivenProblem(
        parameters={n: (float(v.min()), float(v.max())) for n, v in zip(names, parameters.T, strict=True)},
        channels=tuple(f"u{i}" for i in range(u.shape[-1])),
        dt=0.05,
        steps=40,
        resolution=u.shape[1:-1],
        origin=(REFERENCES[name],),
    )
    convert(tmp_path / "weights.pt", tmp_path / "model", given)
    expected = (
        np.moveaxis(arrays["rollout5"], -2, 1) if "rollout5" in arrays else y.reshape(len(u), 1, *u.shape[1:])
    )
    found = cape.load(tmp_path / "model").rollout(u, parameters, expected.shape[1])
    assert difference(found[:, 0], y.reshape(u.shape)) < TOLERANCE
    assert difference(found, expected) < TOLERANCE


@pytest.mark.parametrize(
    ("shapes", "base", "conditioning"),
    [
        (fno(), PaperFNOConfig(3, 2, 2, 5), PaperUnconditionedConfig()),
        (fno(inputs=2, layers=3), PaperFNOConfig(3, 2, 3, 5), PaperChannelsConfig()),
        (unet(levels=2), PaperUNetConfig(2, 2), PaperUnconditionedConfig()),
        (unet(inputs=2, features=4), PaperUNetConfig(4, 1), PaperChannelsConfig()),
        (wrapped(fno(2)), PaperFNOConfig(3, 2, 2, 5), PaperCAPEConfig(4, 3, 2)),
        (
            wrapped(unet(2), kernel=5, last=5),
            PaperUNetConfig(2, 1),
            PaperCAPEConfig(4, 5, 2, pointwise_output=False),
        ),
    ],
)
def test_kind_and_sizes_are_inferred(shapes, base, conditioning):
    surrogate = surrogate_of(shapes)
    assert (surrogate.config.base, surrogate.config.conditioning) == (base, conditioning)
    assert surrogate.problem.resolution == (16,) and surrogate.config.normalisation == "off"
    assert jnp.isfinite(surrogate.rollout(field(1, 16, 1), {"Nu": 1.0}, 1)).all()


@pytest.mark.parametrize(("d", "grid"), [(2, (8, 8)), (3, (4, 4, 8))])
def test_more_axes_are_inferred(d, grid):
    shapes = wrapped(fno(4, modes=(2,) * d), channels=2, parameters=2, grid=grid)
    found = Architecture.of(uniform_names(tensors(shapes)))
    assert (found.dimension, found.inputs) == (d, 4)
    assert (found.channels, found.parameters, found.resolution) == (2, 2, grid)
    given = GivenProblem(
        {"a": (1.0, 2.0), "b": (1.0, 3.0)}, channels=("u", "v"), dt=0.1, steps=2, origin=(0.1,) * d
    )
    surrogate = surrogate_of(shapes, given)
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
    problem = surrogate_of(wrapped(fno(2)), ProblemFromFiles((str(tmp_path),), time_stride=2)).problem
    assert (problem.resolution, problem.steps, problem.dt) == ((16,), 2, 0.5)
    assert problem.origin == pytest.approx((1 / 64,)) and problem.equation == "burgers"
    assert problem.values == ((0.5,), (2.0,))


@pytest.mark.parametrize(
    "shapes",
    [
        wrapped(fno(6), channels=3, parameters=2),
        fno(5),
        pytest.param(unet(5), marks=pytest.mark.thorough),
    ],
)
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
    one = as_surrogate(arrays, ProblemFromFiles(files, parameters=("eta", "zeta")))
    other = as_surrogate(swapped, ProblemFromFiles(files, parameters=("zeta", "eta")))
    assert one.problem == other.problem
    p = {"eta": 0.3, "zeta": 0.9}
    with pytest.warns(OutsideTrainedRange):
        np.testing.assert_array_equal(one.rollout(u, p, 1), other.rollout(u, p, 1))
    with pytest.raises(ValueError, match="the weights do not contain their order; give all of eta, zeta"):
        as_surrogate(arrays, ProblemFromFiles(files))
