"""Load weights of the published implementation (names and layouts of PyTorch) into our modules."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flax import nnx
from jaxtyping import Shaped

from cape.paper.block import CAPEBlock
from cape.paper.cape import PaperCAPE
from cape.paper.fno import PaperFNO
from cape.paper.spectral import PooledSpectralConvolution
from cape.paper.unet import PaperUNet
from cape.solvers.layers.convolution import Pointwise
from cape.solvers.layers.spectral import SpectralConvolution
from cape.surrogate import Surrogate

Arrays = Mapping[str, np.ndarray]


def linear(weight: Shaped[np.ndarray, "out in *one"]) -> Shaped[np.ndarray, "in out"]:
    """Convert a pointwise weight (out, in) or (out, in, 1, ...) to our layout [in, out]."""
    return weight.reshape(weight.shape[:2]).T


def convolution(weight: Shaped[np.ndarray, "out in *kernel"]) -> Shaped[np.ndarray, "*kernel in out"]:
    """Convert a convolution's weight (out, in, *kernel) to our layout [*kernel, in, out]."""
    return np.moveaxis(weight, (0, 1), (-1, -2))


def depthwise(weight: Shaped[np.ndarray, "out 1 *kernel"]) -> Shaped[np.ndarray, "*kernel out"]:
    """Convert a depthwise weight (out, 1, *kernel) to our layout [*kernel, out]."""
    return np.moveaxis(weight[:, 0], 0, -1)


def transposed(weight: Shaped[np.ndarray, "in out *kernel"]) -> Shaped[np.ndarray, "*kernel in out"]:
    """Convert a transposed convolution's weight (in, out, *kernel) to our layout [*kernel, in, out]."""
    return np.moveaxis(weight, (0, 1), (-2, -1))


def spectral(arrays: Arrays, name: str) -> Shaped[np.ndarray, "*rows in out"]:
    """Join weights1 (low positive modes), weights2 (low negative modes), ... to our complex layout [*rows, in, out]."""
    blocks = [arrays[f"{name}.weights{i}"] for i in (1, 2, 3, 4) if f"{name}.weights{i}" in arrays]
    blocks = [np.moveaxis(block, (0, 1), (-2, -1)) for block in blocks]
    axis = 0
    while len(blocks) > 1:
        blocks = [np.concatenate(pair, axis=axis) for pair in zip(blocks[::2], blocks[1::2], strict=True)]
        axis += 1
    return blocks[0]


def load_fno(model: PaperFNO, arrays: Arrays, prefix: str) -> PaperFNO:
    """Fill a PaperFNO from `arrays` whose names start with `prefix` ("", "model.", ...)."""
    _set_layer(model.lift, arrays, f"{prefix}fc0")
    for i, (layer, pointwise) in enumerate(zip(model.spectral, model.pointwise, strict=True)):
        _set_spectral(layer, arrays, f"{prefix}conv{i}")
        _set_layer(pointwise, arrays, f"{prefix}w{i}")
    _set_layer(model.project, arrays, f"{prefix}fc1")
    _set_last(model.out, arrays, f"{prefix}fc2")
    return model


def unet_blocks(model: PaperUNet) -> list[tuple[str, str, nnx.Module]]:
    """List (published name, short name, block) of a PaperUNet, encoder to decoder."""
    levels = model.levels
    encoders = [(f"encoder{i}", f"enc{i}", b) for i, b in enumerate(model.encoders, 1)]
    decoders = [
        (f"decoder{i}", f"dec{i}", b) for i, b in zip(range(levels, 0, -1), model.decoders, strict=True)
    ]
    return [*encoders, ("bottleneck", "bottleneck", model.bottleneck), *decoders]


def load_unet(model: PaperUNet, arrays: Arrays, prefix: str) -> PaperUNet:
    """Fill a UNet in published form, with its running statistics if the arrays hold them."""
    for long, short, block in unet_blocks(model):
        for i in (1, 2):
            name = f"{prefix}{long}.{short}"
            _set_layer(getattr(block, f"convolution{i}"), arrays, f"{name}conv{i}", convolution)
            _set_norm(getattr(block, f"norm{i}"), arrays, f"{name}norm{i}")
    for i, doubling in zip(range(model.levels, 0, -1), model.doublings, strict=True):
        _set_layer(doubling, arrays, f"{prefix}upconv{i}", transposed)
    _set_last(model.out, arrays, f"{prefix}conv")
    return model


def load_block(block: CAPEBlock, arrays: Arrays, prefix: str) -> CAPEBlock:
    """Fill a CAPEBlock."""
    _set_layer(block.first, arrays, f"{prefix}CNN_0", convolution)
    _set_spectral(block.spectral, arrays, f"{prefix}CNN_SC")
    _set_layer(block.pointwise, arrays, f"{prefix}CNN_AC")
    _set_layer(block.depthwise, arrays, f"{prefix}CNN_AD", depthwise)
    _set_layer(block.unattended, arrays, f"{prefix}CNN_1")
    _set_layer(
        block.last, arrays, f"{prefix}CNN_2", linear if isinstance(block.last, Pointwise) else convolution
    )
    for i, layers in enumerate(block.attention):
        for layer, name in zip(layers, "ab", strict=True):
            _set_layer(layer, arrays, f"{prefix}fc{i}{name}")
    _set(block.norm_weight, arrays[f"{prefix}LN.weight"], f"{prefix}LN.weight")
    _set(block.norm_bias, arrays[f"{prefix}LN.bias"], f"{prefix}LN.bias")
    return block


def load_surrogate(surrogate: Surrogate, arrays: Arrays, prefix: str = "") -> Surrogate:
    """Fill a Surrogate in published form, conditioned by CAPE or not: `mix_emb`, `PrmEmb_Pre.0`, `model`.

    Raises:
        ValueError: an array has another shape than the surrogate's; the message names it.
    """
    conditioning = surrogate.conditioning
    if isinstance(conditioning, PaperCAPE):
        _set_layer(conditioning.mix, arrays, f"{prefix}mix_emb")
        load_block(conditioning.block, arrays, f"{prefix}PrmEmb_Pre.0.")
    if isinstance(conditioning.base, PaperFNO):
        load_fno(conditioning.base, arrays, f"{prefix}model.")
    elif isinstance(conditioning.base, PaperUNet):
        load_unet(conditioning.base, arrays, f"{prefix}model.")
    return surrogate


def _set(variable: nnx.Variable, array: np.ndarray, name: str) -> None:
    if variable.shape != array.shape:
        raise ValueError(
            f"{name}: expected the shape {list(variable.shape)} (in our layout), got {list(array.shape)}"
        )
    variable[...] = np.ascontiguousarray(array, variable.dtype)


def _set_layer(layer: Any, arrays: Arrays, name: str, layout: Callable = linear) -> None:
    _set(layer.weight, layout(arrays[f"{name}.weight"]), f"{name}.weight")
    if getattr(layer, "bias", None) is not None:
        _set(layer.bias, arrays[f"{name}.bias"], f"{name}.bias")


def _set_last(layer: Any, arrays: Arrays, name: str) -> None:
    """Fill a last layer, without the unused outputs for the parameters of the published conditional baseline."""
    outputs = layer.bias.shape[0]
    _set_layer(layer, {key: arrays[key][:outputs] for key in (f"{name}.weight", f"{name}.bias")}, name)


def _set_spectral(layer: SpectralConvolution | PooledSpectralConvolution, arrays: Arrays, name: str) -> None:
    weight = spectral(arrays, name)
    _set(layer.real, weight.real, name)
    _set(layer.imaginary, weight.imag, name)


def _set_norm(norm: Any, arrays: Arrays, name: str) -> None:
    _set(norm.scale, arrays[f"{name}.weight"], f"{name}.weight")
    _set(norm.bias, arrays[f"{name}.bias"], f"{name}.bias")
    if f"{name}.running_mean" in arrays:
        _set(norm.mean, arrays[f"{name}.running_mean"], f"{name}.running_mean")
        _set(norm.var, arrays[f"{name}.running_var"], f"{name}.running_var")
