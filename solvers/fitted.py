"""Fits a base solver to a domain: builds it, checks it, and puts the wrappers around it that the domain needs."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from cape.solvers.bounded import Bounded
from cape.solvers.position_channels import PositionChannels
from cape.solvers.solver import BaseSolver, Domain, SolverConfig

BuildSolver = Callable[[int, int], BaseSolver]


def fitted(config: SolverConfig, domain: Domain, *, position_channels: bool, rngs: nnx.Rngs) -> BuildSolver:
    """Return a function (in_channels, out_channels) -> solver that builds a base solver for a domain.

    `Bounded` wraps the solver if the domain is not periodic and the solver does not handle boundaries.
    `PositionChannels` is outermost, if asked for.

    Args:
        config: the base solver.
        domain: its boundaries and its grid.
        position_channels: add the position along periodic axes to the input.
        rngs: draws the weights.

    Raises:
        ValueError: position channels are asked for, and no axis is periodic or the solver sees its position already;
            or, when the function is called, the built solver does not meet the contract in solvers/solver.py.
    """

    def bare(in_channels: int, out_channels: int) -> BaseSolver:
        solver = config.build(in_channels, out_channels, domain, rngs=rngs)
        check_contract(solver, in_channels, out_channels, domain)
        return solver

    build: BuildSolver = bare
    if not (domain.periodic or config.handles_boundaries):
        build = _bounded(build, domain, extend=config.assumes_periodic)
    if position_channels:
        if "periodic" not in domain.boundaries or config.sees_position:
            raise ValueError(
                "position_channels: expected a periodic axis and a base solver that does not see its position already, "
                f"got boundaries {domain.boundaries} and {type(config).__name__}; turn position_channels off"
            )
        build = _with_position_channels(build, domain)
    return build


def check_contract(solver: Any, in_channels: int, out_channels: int, domain: Domain) -> None:
    """Check that a solver meets the contract of `BaseSolver`, without computing anything.

    Raises:
        ValueError: the solver is no `nnx.Module`, an attribute is missing, the output has the wrong shape, or
            `modulate` is not called once on each feature map of `hidden_channels`.
    """
    name = f"base solver {type(solver).__name__}"
    contract = "see the contract BaseSolver in solvers/solver.py"
    if not issubclass(type(solver), nnx.Module):
        raise ValueError(f"{name}: expected an nnx.Module; {contract}")
    members = ("hidden_channels", "scale_output", "__call__")
    if missing := [member for member in members if not hasattr(solver, member)]:
        raise ValueError(f"{name}: expected the attributes {', '.join(missing)}; {contract}")
    graph, state = nnx.split(solver)
    modulated: list[tuple[int, int]] = []

    def step(state: Any, u: jax.Array) -> jax.Array:
        def modulate(i: int, h: jax.Array) -> jax.Array:
            modulated.append((i, h.shape[0]))
            return h

        return nnx.merge(graph, state)(u, modulate)

    u = jax.ShapeDtypeStruct((2, *domain.resolution, in_channels), jnp.float32)
    found, expected = jax.eval_shape(step, state, u).shape, (2, *domain.resolution, out_channels)
    if found != expected:
        raise ValueError(
            f"{name}: expected output of shape {expected} for input {u.shape}, got {found}; {contract}"
        )
    if modulated != list(enumerate(solver.hidden_channels)):
        raise ValueError(
            f"{name}: expected calls of modulate(i, h) with (i, channels of h) = "
            f"{list(enumerate(solver.hidden_channels))}, as in hidden_channels, got {modulated}; {contract}"
        )


def _bounded(build: BuildSolver, domain: Domain, *, extend: bool) -> BuildSolver:
    return lambda in_channels, out_channels: Bounded(
        in_channels,
        boundaries=domain.boundaries,
        extend=extend,
        build=lambda more_channels: build(more_channels, out_channels),
    )


def _with_position_channels(build: BuildSolver, domain: Domain) -> BuildSolver:
    return lambda in_channels, out_channels: PositionChannels(
        in_channels,
        boundaries=domain.boundaries,
        build=lambda more_channels: build(more_channels, out_channels),
    )
