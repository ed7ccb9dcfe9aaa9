"""Weights of the published implementation (PyTorch layout) put into our modules; gradients map the same way."""

import numpy as np
from flax import nnx


def linear(weight):
    """(out, in) or (out, in, 1, ...) to our [in, out]."""
    return weight.reshape(weight.shape[:2]).T


def convolution(weight):
    """(out, in, *kernel) to our [*kernel, in, out]."""
    return np.moveaxis(weight, (0, 1), (-1, -2))


def depthwise(weight):
    """(out, 1, *kernel) to our [*kernel, out]."""
    return np.moveaxis(weight[:, 0], 0, -1)


def transposed(weight):
    """(in, out, *kernel) to our [*kernel, in, out]."""
    return np.moveaxis(weight, (0, 1), (-2, -1))


def spectral(arrays, name):
    """weights1 (low positive), weights2 (low negative), ... of (in, out, *modes) to our [*rows, in, out], complex."""
    blocks = [arrays[f"{name}.weights{i}"] for i in (1, 2, 3, 4) if f"{name}.weights{i}" in arrays]
    blocks = [np.moveaxis(block, (0, 1), (-2, -1)) for block in blocks]
    axis = 0
    while len(blocks) > 1:
        blocks = [np.concatenate(pair, axis=axis) for pair in zip(blocks[::2], blocks[1::2], strict=True)]
        axis += 1
    return blocks[0]


def set_linear(layer, arrays, name, layout=linear):
    """Fill a Pointwise, Convolution, DepthwiseConvolution (by `layout`) from `name`.weight and `name`.bias."""
    layer.weight[...] = layout(arrays[f"{name}.weight"])
    if f"{name}.bias" in arrays:
        layer.bias[...] = arrays[f"{name}.bias"]


def set_spectral(layer, arrays, name):
    """Fill a SpectralConvolution."""
    weight = spectral(arrays, name)
    if layer.real.shape != weight.shape:
        raise ValueError(f"expected {layer.real.shape} for {name}, got {weight.shape}")
    layer.real[...] = np.ascontiguousarray(weight.real)
    layer.imaginary[...] = np.ascontiguousarray(weight.imag)


def load_fno(model, arrays, prefix):
    """Fill an FNO from `arrays` whose names start with `prefix` ("sd.", "sd.model.", and "g." for gradients)."""
    set_linear(model.lift, arrays, f"{prefix}fc0")
    for i, (layer, pointwise) in enumerate(zip(model.spectral, model.pointwise, strict=True)):
        set_spectral(layer, arrays, f"{prefix}conv{i}")
        set_linear(pointwise, arrays, f"{prefix}w{i}")
    set_linear(model.project, arrays, f"{prefix}fc1")
    set_linear(model.out, arrays, f"{prefix}fc2")
    return model


def difference(a, b):
    """Largest difference over largest magnitude: max|a-b| / max|b|."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        raise ValueError(f"expected equal shapes, got {a.shape} and {b.shape}")
    return np.abs(a - b).max() / np.abs(b).max()


def largest_difference(ours, theirs):
    """Largest `difference` over all parameters of two modules (or states) of the same structure, with its name."""
    ours, theirs = (
        dict(nnx.to_flat_state(nnx.state(m, nnx.Param) if isinstance(m, nnx.Module) else m))
        for m in (ours, theirs)
    )
    if ours.keys() != theirs.keys():
        raise ValueError(f"expected the same parameters, got {ours.keys() ^ theirs.keys()}")
    return max((difference(ours[k][...], theirs[k][...]), ".".join(map(str, k))) for k in ours)
