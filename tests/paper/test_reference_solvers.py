"""Base solvers in published form against arrays computed with the published implementation."""

import jax.numpy as jnp
import numpy as np
import pytest
from differences import difference, largest_difference
from flax import nnx

from cape.paper.conversion.weights import load_fno, load_unet, unet_blocks
from cape.paper.fno import PaperFNO
from cape.paper.unet import PaperUNet

TOLERANCE = 1e-5  # max|a - b| / max|b|, float32 against float32


def channels_last(x):
    return jnp.asarray(np.moveaxis(x, 1, -1))


@nnx.jit
def output_and_gradients(model, u):
    """Compute y and the gradients of sum(y²)/2."""

    def half_square(model):
        y = model(u)
        return 0.5 * jnp.sum(y**2), y

    (_, y), gradients = nnx.value_and_grad(half_square, has_aux=True)(model)
    return y, gradients


@nnx.jit
def output(model, u):
    return model(u)


@pytest.mark.parametrize(
    ("name", "channels", "width", "origin", "dimension"),
    [
        ("fno1d_w36", 1, 36, 1 / 2048, 1),
        pytest.param("fno2d_w10", 4, 10, 1 / 128, 2, marks=pytest.mark.thorough),
    ],
)
def test_fno_equals_the_published_one(reference, name, channels, width, origin, dimension):
    arrays = dict(np.load(reference / f"{name}.npz"))

    def build(seed):
        coordinates = ((origin, 1.0),) * dimension
        return PaperFNO(channels, channels, coordinates=coordinates, width=width, rngs=nnx.Rngs(seed))

    model = load_fno(build(0), arrays, "sd.")
    y, gradients = output_and_gradients(model, jnp.asarray(arrays["x"]))
    assert difference(y, arrays["y"].reshape(y.shape)) < TOLERANCE
    worst, where = largest_difference(gradients, load_fno(build(1), arrays, "g."))
    assert worst < TOLERANCE, where


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "channels", "features", "dimension"), [("unet1d_f8", 1, 8, 1), ("unet2d_f4", 4, 4, 2)]
)
def test_unet_equals_the_published_one(reference, name, channels, features, dimension):
    arrays = dict(np.load(reference / f"{name}.npz"))

    def build(seed):
        return PaperUNet(channels, channels, dimension=dimension, features=features, rngs=nnx.Rngs(seed))

    u = channels_last(arrays["x"])
    for mode in ("eval", "train"):
        model = load_unet(build(0), arrays, "sd.")
        model.eval() if mode == "eval" else model.train()
        with_gradients = f"g_{mode}.conv.bias" in arrays  # in 2D only outputs were kept
        y, gradients = output_and_gradients(model, u) if with_gradients else (output(model, u), None)
        assert difference(y, channels_last(arrays[f"y_{mode}"])) < TOLERANCE
        if with_gradients:
            worst, where = largest_difference(gradients, load_unet(build(1), arrays, f"g_{mode}."))
            assert worst < 2 * TOLERANCE, where  # a bias ahead of a batch norm, all but cancelled: 1.07e-5
    for long, short, block in unet_blocks(model):  # after the one training pass
        for i in (1, 2):
            norm, running = getattr(block, f"norm{i}"), f"sd_after_train.{long}.{short}norm{i}.running_"
            assert difference(norm.mean[...], arrays[running + "mean"]) < TOLERANCE
            assert difference(norm.var[...], arrays[running + "var"]) < TOLERANCE
