"""Put weights of the published implementation (PyTorch layout) into our modules; gradients likewise."""

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
    """weights1 (low positive), weights2 (low negative) ... to our complex [*rows, in, out]."""
    blocks = [arrays[f"{name}.weights{i}"] for i in (1, 2, 3, 4) if f"{name}.weights{i}" in arrays]
    blocks = [np.moveaxis(block, (0, 1), (-2, -1)) for block in blocks]
    axis = 0
    while len(blocks) > 1:
        blocks = [np.concatenate(pair, axis=axis) for pair in zip(blocks[::2], blocks[1::2], strict=True)]
        axis += 1
    return blocks[0]


def set_linear(layer, arrays, name, layout=linear):
    """Fill a layer, its weight mapped by `layout`, from `name`.weight and `name`.bias."""
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
    """Fill an FNO from `arrays` whose names start with `prefix` ("sd.", "sd.model.", "g." for gradients)."""
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
    """Find the largest `difference` over all parameters of two modules or states, and its name."""
    ours, theirs = (
        dict(nnx.to_flat_state(nnx.state(m, nnx.Param) if isinstance(m, nnx.Module) else m))
        for m in (ours, theirs)
    )
    if ours.keys() != theirs.keys():
        raise ValueError(f"expected the same parameters, got {ours.keys() ^ theirs.keys()}")
    return max((difference(ours[k][...], theirs[k][...]), ".".join(map(str, k))) for k in ours)


def _set_norm(norm, arrays, name):
    norm.scale[...] = arrays[f"{name}.weight"]
    norm.bias[...] = arrays[f"{name}.bias"]
    if f"{name}.running_mean" in arrays:
        norm.mean[...] = arrays[f"{name}.running_mean"]
        norm.var[...] = arrays[f"{name}.running_var"]


def unet_blocks(model):
    """List (published name, short name, block) of a UNet, encoder to decoder."""
    levels = model.levels
    encoders = [(f"encoder{i}", f"enc{i}", b) for i, b in enumerate(model.encoders, 1)]
    decoders = [
        (f"decoder{i}", f"dec{i}", b) for i, b in zip(range(levels, 0, -1), model.decoders, strict=True)
    ]
    return [*encoders, ("bottleneck", "bottleneck", model.bottleneck), *decoders]


def load_unet(model, arrays, prefix):
    """Fill a UNet in published form from `arrays` whose names start with `prefix` (such as "sd.")."""
    for long, short, block in unet_blocks(model):
        for i in (1, 2):
            set_linear(
                getattr(block, f"convolution{i}"), arrays, f"{prefix}{long}.{short}conv{i}", convolution
            )
            _set_norm(getattr(block, f"norm{i}"), arrays, f"{prefix}{long}.{short}norm{i}")
    for i, doubling in zip(range(model.levels, 0, -1), model.doublings, strict=True):
        set_linear(doubling, arrays, f"{prefix}upconv{i}", transposed)
    set_linear(model.out, arrays, f"{prefix}conv")
    return model


def load_block(block, arrays, prefix):
    """Fill a CAPEBlock from `arrays` whose names start with `prefix` (such as "sd.PrmEmb_Pre.0.")."""
    set_linear(block.first, arrays, f"{prefix}CNN_0", convolution)
    set_spectral(block.spectral, arrays, f"{prefix}CNN_SC")
    set_linear(block.pointwise, arrays, f"{prefix}CNN_AC")
    set_linear(block.depthwise, arrays, f"{prefix}CNN_AD", depthwise)
    set_linear(block.unattended, arrays, f"{prefix}CNN_1")
    set_linear(block.last, arrays, f"{prefix}CNN_2", linear if block.last.weight.ndim == 2 else convolution)
    for i, layers in enumerate(block.attention):
        for layer, name in zip(layers, "ab", strict=True):
            set_linear(layer, arrays, f"{prefix}fc{i}{name}")
    block.norm_weight[...] = arrays[f"{prefix}LN.weight"]
    block.norm_bias[...] = arrays[f"{prefix}LN.bias"]
    return block


def load_surrogate(surrogate, arrays, prefix):
    """Fill a Surrogate in published form (CAPE or not) from `arrays` whose names start with `prefix`."""
    conditioned = surrogate.conditioned
    if f"{prefix}mix_emb.weight" in arrays:
        set_linear(conditioned.mix, arrays, f"{prefix}mix_emb")
        load_block(conditioned.block, arrays, f"{prefix}PrmEmb_Pre.0.")
    outputs, last = conditioned.base.out.bias.shape[0], f"{prefix}model.fc2"
    if last + ".bias" in arrays:  # the conditional baseline has outputs for the parameters too, never used
        arrays = arrays | {
            f"{last}.{name}": arrays[f"{last}.{name}"][:outputs] for name in ("weight", "bias")
        }
    load = load_fno if hasattr(conditioned.base, "lift") else load_unet
    load(conditioned.base, arrays, f"{prefix}model.")
    return surrogate
