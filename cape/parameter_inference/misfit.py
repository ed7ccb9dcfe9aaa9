"""The misfit between rollouts and an observation, and its derivatives, for many trajectories and positions at once."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float, Int

from cape.parameter_inference.observation import Observation
from cape.parameter_inference.scale import ParameterScale
from cape.surrogate import Surrogate

_BATCH_VALUES = 2**18  # numbers per frame of a batch: hidden maps are many times wider than fields
_BATCH_SIZES = (1, 8, 64)  # few sizes, so that few programs are compiled
_SPARE = 8  # a batch may be so many times larger than needed if that saves a compilation

Positions = Float[np.ndarray, "batch sought"]
Rows = Int[np.ndarray, " batch"]


@dataclasses.dataclass(frozen=True, eq=False)
class Linearised:
    """The misfit at a position, and its Gauss-Newton model there.

    With the residual r (prediction minus observation, over the standard deviation of the channel) and J = ∂r/∂x,
    separately for each observed channel:

    Attributes:
        squares: r·r.
        gradient: Jᵀr.
        curvature: JᵀJ.
    """

    squares: Float[np.ndarray, "batch observed"]
    gradient: Float[np.ndarray, "batch observed sought"]
    curvature: Float[np.ndarray, "batch observed sought sought"]


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What of an observation a compiled program depends on, apart from arrays."""

    steps: int
    frames: tuple[int, ...]
    channels: tuple[int, ...]
    exact_start: bool


class Misfit:
    """Compares rollouts of a surrogate with an observation.

    All methods take positions [batch, sought] (see `ParameterScale`) and the trajectory [batch] each belongs to.
    """

    def __init__(self, surrogate: Surrogate, scale: ParameterScale, observation: Observation):
        self.scale, self.observation = scale, observation
        self.channel_names = surrogate.problem.channels
        self._graphdef, self._state = nnx.split(surrogate)
        self._used: dict[Callable, set[int]] = {}
        self._plan = _Plan(
            observation.steps, observation.frames, observation.channels, observation.exact_start
        )
        matrices = (observation.to_grid, observation.to_points)
        self._matrices = jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), matrices)
        frame = (
            int(np.prod(surrogate.problem.resolution)) * len(surrogate.problem.channels) * surrogate.members
        )
        most = max(1, _BATCH_VALUES // frame)
        self._sizes = [size for size in _BATCH_SIZES if size <= most]

    def squares(self, x: Positions, rows: Rows) -> Float[np.ndarray, "batch observed"]:
        """Return r·r of each channel; infinity where the rollout is not finite."""
        (found,) = self._run(_squares, x, rows)
        return np.where(np.isfinite(found), found, np.inf)

    def linearised(self, x: Positions, rows: Rows) -> Linearised:
        """Return r·r, Jᵀr and JᵀJ of each channel. J is computed in forward mode, with one tangent per parameter."""
        squares, gradient, curvature = self._run(_linearised, x, rows)
        return Linearised(np.where(np.isfinite(squares), squares, np.inf), gradient, curvature)

    def tangents(self, x: Positions, rows: Rows) -> Float[np.ndarray, "batch sought observed number"]:
        """Return J, with time and space as one axis."""
        (found,) = self._run(_tangents, x, rows)
        return found

    def start_curvature(
        self, x: Positions, rows: Rows, tangents: Float[np.ndarray, "batch sought observed number"]
    ) -> Float[np.ndarray, "batch channel sought sought"]:
        """Return (JᵀK)(JᵀK)ᵀ for K = ∂r/∂(first frames), separately for each channel of the first frames.

        It says how noise in the first frames moves the estimate. The first frames are divided by the standard deviation
        of their channels. `tangents` is J.
        """
        (found,) = self._run(_start_curvature, x, rows, tangents)
        return found

    def residuals(
        self, x: Positions, rows: Rows, change: Float[np.ndarray, "batch history *start channel"]
    ) -> tuple[
        Float[np.ndarray, "batch time *points observed"], Float[np.ndarray, "batch time *points observed"]
    ]:
        """Return r, and how a change of the first frames moves it.

        The change is divided by the standard deviations of the channels.
        """
        r, moved = self._run(_residuals, x, rows, change)
        return r, moved

    def _run(self, program: Callable, x: Positions, rows: Rows, *more: np.ndarray) -> tuple[np.ndarray, ...]:
        """Run a program over batches of a few sizes and join the results, as float64; `more` starts with the batch."""
        results = []
        for part in self._batches(program, len(x)):
            chosen = rows[part]
            found = program(
                self._graphdef,
                self.scale,
                self._plan,
                self._state,
                jnp.asarray(x[part], jnp.float32),
                jnp.asarray(self.observation.first[chosen], jnp.float32),
                jnp.asarray(self.observation.target[chosen], jnp.float32),
                self._matrices,
                *(jnp.asarray(a[part], jnp.float32) for a in more),
            )
            results.append([np.asarray(a, np.float64) for a in found])
        return tuple(np.concatenate(parts)[: len(x)] for parts in zip(*results, strict=True))

    def _batches(self, program: Callable, count: int) -> Iterator[Int[np.ndarray, " part"]]:
        """Yield the numbers below `count` in batches; the last one repeats its last number to fill a size.

        A size that the program is compiled for is preferred to a smaller one.
        """
        used, first = self._used.setdefault(program, set()), 0
        while first < count:
            left = count - first
            compiled = [size for size in sorted(used) if left <= size <= _SPARE * left]
            size = next((size for size in [*compiled, *self._sizes] if size >= left), self._sizes[-1])
            used.add(size)
            yield np.minimum(np.arange(first, first + size), count - 1)
            first += size


def _predicted(graphdef, scale, plan, state, x, first, matrices):
    """Return the predictions at the observed frames, points and channels, over the channel's standard deviation."""
    surrogate = nnx.merge(graphdef, state)
    to_grid, to_points = matrices
    given = _along_axes(first, to_grid)
    frames = surrogate.window.rollout(surrogate.at(scale.vector(x)), given, plan.steps)
    frames = frames[:, np.asarray(plan.frames)][..., np.asarray(plan.channels)]
    return _along_axes(frames, to_points) / _deviation(surrogate, plan)


def _deviation(surrogate: Surrogate, plan: _Plan):
    chosen = [surrogate.problem.channel_std[i] for i in plan.channels]
    return jnp.asarray(chosen, jnp.float32).reshape((1,) * (surrogate.problem.dimension + 2) + (-1,))


def _along_axes(u, matrices):
    """Apply a matrix along each axis of space of [batch, time, *space, channel]."""
    for axis, matrix in enumerate(matrices, 2):
        if matrix is not None:
            u = jnp.moveaxis(jnp.tensordot(u, matrix, (axis, 1), precision="highest"), -1, axis)
    return u


def _residual(graphdef, scale, plan, state, x, first, target, matrices):
    deviation = _deviation(nnx.merge(graphdef, state), plan)
    return _predicted(graphdef, scale, plan, state, x, first, matrices) - target / deviation


def _flat(r):
    """Return [..., batch, observed, number] of [..., batch, time, *points, observed], with `batch` the axis given."""
    return jnp.moveaxis(r.reshape(r.shape[0], -1, r.shape[-1]), -1, 1)


def _with_tangents(graphdef, scale, plan, state, x, first, target, matrices):
    """Return r and J as [batch, observed, number] and [sought, batch, observed, number]."""

    def along(tangent):
        return jax.jvp(
            lambda x: _flat(_residual(graphdef, scale, plan, state, x, first, target, matrices)),
            (x,),
            (tangent,),
        )

    sought = x.shape[1]
    basis = jnp.broadcast_to(jnp.eye(sought, dtype=x.dtype)[:, None], (sought, *x.shape))
    return jax.vmap(along, out_axes=(None, 0))(basis)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _squares(graphdef, scale, plan, state, x, first, target, matrices):
    r = _flat(_residual(graphdef, scale, plan, state, x, first, target, matrices))
    return ((r * r).sum(-1),)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _linearised(graphdef, scale, plan, state, x, first, target, matrices):
    r, tangents = _with_tangents(graphdef, scale, plan, state, x, first, target, matrices)
    gradient = jnp.einsum("ibcn,bcn->bci", tangents, r, precision="highest")
    curvature = jnp.einsum("ibcn,jbcn->bcij", tangents, tangents, precision="highest")
    return (r * r).sum(-1), gradient, curvature


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _tangents(graphdef, scale, plan, state, x, first, target, matrices):
    _, tangents = _with_tangents(graphdef, scale, plan, state, x, first, target, matrices)
    return (jnp.moveaxis(tangents, 1, 0),)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _start_curvature(graphdef, scale, plan, state, x, first, target, matrices, tangents):
    _, pull = jax.vjp(lambda u: _flat(_predicted(graphdef, scale, plan, state, x, u, matrices)), first)
    moved = jax.lax.map(lambda tangent: pull(tangent)[0], jnp.moveaxis(tangents, 1, 0))
    std = jnp.asarray(nnx.merge(graphdef, state).problem.channel_std, moved.dtype)
    moved = moved.reshape(*moved.shape[:2], -1, moved.shape[-1]) * std.reshape(
        1, 1, 1, -1
    )  # [sought, batch, number, channel]
    return (jnp.einsum("ibnc,jbnc->bcij", moved, moved, precision="highest"),)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _residuals(graphdef, scale, plan, state, x, first, target, matrices, change):
    def residual(first):
        return _residual(graphdef, scale, plan, state, x, first, target, matrices)

    std = jnp.asarray(nnx.merge(graphdef, state).problem.channel_std, change.dtype)
    return jax.jvp(residual, (first,), (change * std.reshape((1,) * (change.ndim - 1) + (-1,)),))
