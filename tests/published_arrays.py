"""Reference arrays of the published implementation, the problems they belong to, and comparison of gradients."""

import numpy as np
from differences import difference
from flax import nnx

from cape.problem import Problem

TOLERANCE = 1e-5  # max|a - b| / max|b|, float32 against float32


def read(reference, name):
    return dict(np.load(reference / f"{name}.npz"))


def problem_of(dimension, points, channels, parameters, origin=0.0):
    return Problem(
        equation="unknown",
        channels=tuple(f"u{i}" for i in range(channels)),
        parameters=tuple(f"p{i}" for i in range(parameters)),
        boundaries=("periodic",) * dimension,
        resolution=(points,) * dimension,
        origin=(origin,) * dimension,
        length=(1.0,) * dimension,
        dt=1.0,
        steps=1,
        channel_mean=(0.0,) * channels,
        channel_std=(1.0,) * channels,
        low=(0.0,) * parameters,
        high=(1.0,) * parameters,
    )


def flat(module):
    """List the parameters of a module or a state under dotted names."""
    state = nnx.state(module, nnx.Param) if isinstance(module, nnx.Module) else module
    return {".".join(map(str, k)): np.asarray(v[...]) for k, v in nnx.to_flat_state(state)}


def assert_equal_gradients(ours, theirs, tolerance=TOLERANCE):
    """Compare dictionaries of all gradients; a bias that a LayerNorm takes away again need only vanish."""
    assert ours.keys() == theirs.keys()
    for name in ours:
        if name.endswith("last.bias"):
            scale = np.abs(theirs[name.replace("bias", "weight")]).max()
            assert max(np.abs(ours[name]).max(), np.abs(theirs[name]).max()) < tolerance * scale, name
        else:
            assert difference(ours[name], theirs[name]) < tolerance, name
