"""The part that all wrappers of a solver share."""

from flax import nnx

from cape.solvers.solver import BaseSolver, displacement_maps


class SolverWrapper(nnx.Module):
    """A module that stands in the place of the solver inside it and changes its input or output.

    Attributes:
        solver: the solver inside, which gets `modulate`.
    """

    solver: BaseSolver

    @property
    def hidden_channels(self) -> tuple[int, ...]:
        return self.solver.hidden_channels

    @property
    def displacement_maps(self) -> tuple[int, ...]:
        return displacement_maps(self.solver)

    def scale_output(self, factor: float) -> None:
        self.solver.scale_output(factor)
