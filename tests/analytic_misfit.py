"""A misfit between formulas and numbers, with the methods of `Misfit` that the search needs, for tests."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from cape.parameter_inference.misfit import Linearised


class AnalyticMisfit:
    """r = model(x) - target, for positions x [sought] of each trajectory; target [trajectory, number]."""

    def __init__(self, model, target: np.ndarray, sought: int):
        self._residual = lambda x, y: model(x) - y
        self._target = jnp.asarray(target, jnp.float32)
        self.scale = SimpleNamespace(sought=tuple("abcdefgh"[:sought]))
        self.observation = SimpleNamespace(trajectories=len(target))
        self._value = jax.jit(jax.vmap(self._residual))
        self._slope = jax.jit(jax.vmap(jax.jacfwd(self._residual)))

    def squares(self, x, rows):
        r = np.asarray(self._value(jnp.asarray(x, jnp.float32), self._target[rows]), np.float64)
        return (r**2).sum(-1, keepdims=True)

    def linearised(self, x, rows):
        x, y = jnp.asarray(x, jnp.float32), self._target[rows]
        r, slope = (np.asarray(f(x, y), np.float64) for f in (self._value, self._slope))
        gradient, curvature = np.einsum("bni,bn->bi", slope, r), np.einsum("bni,bnj->bij", slope, slope)
        return Linearised((r**2).sum(-1, keepdims=True), gradient[:, None], curvature[:, None])
