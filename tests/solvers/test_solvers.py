"""Base solvers: symmetries, the hook for conditionings, errors."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from solver_checks import apply, close, field

from cape.solvers.convnext_unet import ConvNextUNet
from cape.solvers.factorised_fno import FactorisedFNO
from cape.solvers.fno import FNO
from cape.solvers.layers.boundaries import check_boundaries
from cape.solvers.layers.convolution import Convolution, DepthwiseConvolution
from cape.solvers.layers.spectral import SpectralConvolution
from cape.solvers.message_passing import MessagePassing
from cape.solvers.unet import UNet
from cape.solvers.warp_unet import WarpUNet

SOLVERS = [
    (FNO, {"width": 8, "modes": 3, "layers": 2, "projection": 16}),
    (FNO, {"width": 4, "modes": 3, "layers": 2, "projection": 8, "kernel": 3, "std": 0.1}),
    (UNet, {"features": 4, "levels": 2}),
    (FactorisedFNO, {"width": 4, "modes": 3, "layers": 2, "projection": 8, "kernel": 3}),
    (ConvNextUNet, {"features": 4, "levels": 2, "kernel": 3, "expansion": 2}),
    (MessagePassing, {"width": 4, "layers": 2, "radius": 1}),
    (WarpUNet, {"width": 2, "levels": 1, "heads": 2}),
]


def in_every_dimension():
    """Give every solver in 1D, 2D and 3D; by default the first in all of them and the others in 2D."""
    for number, (solver, options) in enumerate(SOLVERS):
        for dimension in (1, 2, 3):
            marks = () if dimension == 2 or number == 0 else pytest.mark.thorough
            yield pytest.param(solver, options, dimension, marks=marks, id=f"{solver.__name__}-{dimension}")


@pytest.mark.parametrize(("solver", "options", "dimension"), list(in_every_dimension()))
def test_solvers_commute_with_shifts_and_call_the_hook(solver, options, dimension):
    space = (16, 12, 8)[:dimension]
    model = solver(2, 3, boundaries=("periodic",) * dimension, **options, rngs=nnx.Rngs(0))
    u = field(2, *space, 2)
    shift = (4,) * dimension  # a multiple of 2^levels: as far as pooling commutes
    axes = tuple(range(1, dimension + 1))
    y = apply(model, u)
    assert y.shape == (2, *space, 3)
    close(apply(model, jnp.roll(u, shift, axes)), jnp.roll(y, shift, axes), 2e-5)

    seen = []

    def modulate(i, h):
        seen.append((i, h.shape[0]))
        return 2.0 * h

    modulated = nnx.jit(lambda model, u: model(u, modulate))(model, u)
    assert np.abs(modulated - y).max() > 1e-6
    assert seen == list(enumerate(model.hidden_channels))


@pytest.mark.parametrize(
    ("solver", "dimension"),
    [
        (FNO, 1),
        (FactorisedFNO, 2),
        *(pytest.param(*case, marks=pytest.mark.thorough) for case in [(FNO, 2), (FactorisedFNO, 1)]),
    ],
)
def test_fno_is_the_same_function_on_a_finer_grid(solver, dimension):
    """32 points resolve the hidden feature maps too: what gelu adds above their Nyquist is below 1e-4."""
    model = solver(1, 1, boundaries=("periodic",) * dimension, width=8, modes=5, layers=3, rngs=nnx.Rngs(0))
    x = np.meshgrid(*[np.arange(64) / 64 * 2 * np.pi] * dimension, indexing="ij")
    fine = 0.3 + np.sin(sum(x)) + 0.5 * np.cos(2 * x[0])
    fine = np.asarray(fine[None, ..., None], np.float32)
    coarse = fine[(slice(None), *(slice(None, None, 2),) * dimension)]
    on_coarse = apply(model, coarse)
    close(apply(model, fine)[(slice(None), *(slice(None, None, 2),) * dimension)], on_coarse, 1e-4)


def test_group_norm_judges_every_sample_alone():
    model = UNet(1, 1, boundaries=("wall",), features=4, levels=2, rngs=nnx.Rngs(0))
    u = field(3, 16, 1)
    close(apply(model, u)[1:2], apply(model, u[1:2]))


def solver_of(solver, **options):
    return lambda: solver(1, 1, **{"boundaries": ("periodic",), **options}, rngs=nnx.Rngs(0))


def spectral_of(modes, dimension=1, channels=1):
    return lambda: SpectralConvolution(channels, 1, modes, dimension=dimension, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (spectral_of((3, 3)), "expected modes"),
        (spectral_of(0), "expected modes"),
        (spectral_of(3, dimension=0), "spatial axis"),
        (spectral_of(3, channels=0), "channel"),
        (solver_of(Convolution, kernel=4), "odd kernel"),
        (solver_of(Convolution, kernel=(3, 3)), "odd kernel"),
        (solver_of(Convolution, kernel=3, boundaries=("open",)), "boundary"),
        (solver_of(DepthwiseConvolution, kernel=2), "odd kernel"),
        (solver_of(FNO, width=0), "width"),
        (solver_of(FNO, layers=0), "layers"),
        (solver_of(FNO, projection=0), "projection"),
        (solver_of(FNO, boundaries=()), "boundary"),
        (lambda: check_boundaries("periodic"), "boundary"),
        (solver_of(UNet, features=0), "features"),
        (solver_of(UNet, levels=0), "levels"),
        (solver_of(FactorisedFNO, width=0), "width"),
        (solver_of(FactorisedFNO, expansion=0), "expansion"),
        (solver_of(FactorisedFNO, modes=(3, 3)), "expected modes"),
        (solver_of(ConvNextUNet, features=0), "features"),
        (solver_of(ConvNextUNet, levels=0), "levels"),
        (solver_of(ConvNextUNet, features=1, kernel=4), "odd kernel"),
        (solver_of(MessagePassing, radius=0), "radius"),
        (solver_of(WarpUNet, heads=0), "heads"),
        (solver_of(WarpUNet, width=0), "width"),
        (solver_of(MessagePassing, boundaries=("open",)), "boundary"),
    ],
)
def test_impossible_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_wrong_inputs_are_refused():
    layers = [
        spectral_of(3)(),
        solver_of(Convolution, kernel=3)(),
        solver_of(DepthwiseConvolution, kernel=3)(),
    ]
    for layer in layers:
        with pytest.raises(ValueError, match=r"expected features of shape \(1 channels, batch, points\)"):
            layer(field(2, 2, 16))
        with pytest.raises(ValueError, match="expected features of shape"):
            layer(field(1, 2, 16, 16))
    solvers = [
        solver_of(FNO, width=1, layers=1, projection=1)(),
        solver_of(UNet, features=1, levels=1)(),
        solver_of(FactorisedFNO, width=1, layers=1, projection=1)(),
        solver_of(ConvNextUNet, features=1, levels=1)(),
        solver_of(MessagePassing, width=1, layers=1)(),
        solver_of(WarpUNet, width=1, levels=1)(),
    ]
    for solver in solvers:
        with pytest.raises(ValueError, match=r"expected u of shape \(batch, points, 1 channels\)"):
            solver(field(2, 16, 2))
        with pytest.raises(ValueError, match="expected u of shape"):
            solver(field(2, 16, 16, 1))
    for pyramid in (UNet, ConvNextUNet):
        with pytest.raises(ValueError, match=r"divisible by 2\^levels = 16"):
            solver_of(pyramid, features=1, levels=4)()(field(2, 24, 1))
