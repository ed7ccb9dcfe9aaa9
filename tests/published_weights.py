"""Weights as the published implementation names and shapes them, for tests of the conversion."""

import numpy as np

from cape.paper.conversion.convert import as_surrogate
from cape.paper.conversion.described_problem import GivenProblem
from cape.paper.conversion.torch_checkpoint import uniform_names

GIVEN = GivenProblem(parameters={"Nu": (0.5, 2.0)}, dt=0.1, steps=5, resolution=(16,), origin=(0.03125,))


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


def surrogate_of(shapes, description=GIVEN, seed=0):
    return as_surrogate(uniform_names(tensors(shapes, seed)), description)


def field(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
