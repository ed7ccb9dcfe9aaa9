"""Published forms of the base solvers: what sets them apart from ours."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from solver_checks import apply, close, field, inside, leading, spectral_by_fft

from cape.paper.block import CAPEBlock
from cape.paper.fno import PaperFNO
from cape.paper.spectral import PooledSpectralConvolution
from cape.paper.unet import PaperUNet


def test_fno_coordinates_break_the_symmetry():
    model = PaperFNO(1, 1, coordinates=((0.0, 1.0),), rngs=nnx.Rngs(0))
    u = field(1, 32, 1)
    assert np.abs(apply(model, jnp.roll(u, 4, 1)) - jnp.roll(apply(model, u), 4, 1)).max() > 1e-5


def test_batch_norm_switches_between_batch_and_running_statistics():
    model = PaperUNet(1, 1, dimension=1, features=4, levels=1, rngs=nnx.Rngs(0))
    u = 3.0 + field(4, 16, 1)
    model.eval()
    before = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    evaluated = apply(model, u)
    jax.tree.map(np.testing.assert_array_equal, before, nnx.to_pure_dict(nnx.state(model, nnx.BatchStat)))
    close(apply(model, u[:1]), evaluated[:1])  # a sample is judged alone
    model.train()
    first = model.encoders[0]
    h = first.convolution1(leading(u))
    apply(model, u)
    close(first.norm1.mean[...], 0.1 * h.mean((1, 2)))
    close(first.norm1.var[...], 0.9 + 0.1 * jnp.var(h, (1, 2), ddof=1))


@pytest.mark.parametrize(
    ("space", "modes"),
    [
        ((16,), (9,)),
        (
            (16, 16),
            (9, 9),
        ),  # the published 2D block: 16 rows, two blocks of 9, the second overwrites rows 7 and 8
        ((6, 5, 8), (4, 4, 5)),  # overlaps on both two-sided axes
    ],
)
def test_the_spectral_branch_pools_convolves_and_repeats(space, modes):
    layer = PooledSpectralConvolution(3, 2, modes, dimension=len(space), rngs=nnx.Rngs(0))
    u = field(2, *(4 * n for n in space), 3)
    coarse = np.asarray(u, float)
    for axis, n in enumerate(space, start=1):
        coarse = coarse.reshape(*coarse.shape[:axis], n, 4, *coarse.shape[axis + 1 :]).mean(axis + 1)
    expected = spectral_by_fft(coarse, layer.real[...], layer.imaginary[...], modes)
    for axis in range(1, len(space) + 1):
        expected = expected.repeat(4, axis)
    close(inside(layer, u), expected)


def test_overwriting_makes_another_function_on_a_coarser_grid():
    layer = PooledSpectralConvolution(1, 1, 6, dimension=2, rngs=nnx.Rngs(0))
    x = np.arange(40) / 40 * 2 * np.pi
    fine = np.cos(3 * x[:, None] + 2 * x) + np.sin(-2 * x[:, None] + x) + 0.5
    fine = np.asarray(fine[None, :, :, None], np.float32)

    def applied(u):
        return inside(layer, u.repeat(4, 1).repeat(4, 2))[:, ::4, ::4]

    assert np.abs(applied(fine[:, ::5, ::5]) - applied(fine)[:, ::5, ::5]).max() > 1e-2


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: PaperFNO(1, 1, coordinates=((0.0, 1.0),), pad=-1, rngs=nnx.Rngs(0)), "pad >= 0"),
        (lambda: PaperFNO(1, 1, coordinates=((0.0, 1.0),), width=0, rngs=nnx.Rngs(0)), "width"),
        (lambda: PaperUNet(1, 1, dimension=1, levels=0, rngs=nnx.Rngs(0)), "levels"),
        (lambda: PooledSpectralConvolution(1, 1, (3, 3), dimension=1, rngs=nnx.Rngs(0)), "expected modes"),
    ],
)
def test_impossible_options_of_published_forms_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_wrong_inputs_of_published_forms_are_refused():
    with pytest.raises(ValueError, match=r"expected u of shape \(batch, points, 1 channels\)"):
        PaperFNO(1, 1, coordinates=((0.0, 1.0),), width=1, layers=1, rngs=nnx.Rngs(0))(field(2, 16, 2))
    with pytest.raises(ValueError, match="expected features of shape"):
        PooledSpectralConvolution(1, 1, 3, dimension=1, rngs=nnx.Rngs(0))(field(2, 2, 16))
    batch = PaperUNet(1, 1, dimension=1, features=1, levels=1, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="more than one value per channel"):
        batch(field(1, 2, 1))  # one sample, one point at the bottom
    for points in (15, 14):
        with pytest.raises(ValueError, match="resolution divisible by 4"):
            CAPEBlock(1, 1, (points,), rngs=nnx.Rngs(0))
    block = CAPEBlock(1, 1, (16,), widening=4, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=r"tied to its resolution \(16,\), got \(32,\)"):
        block(field(2, 32, 1), block.vectors(jnp.ones((2, 1))))
