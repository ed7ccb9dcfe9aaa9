"""The configuration of a model: which base solver, which conditioning, which normalisation."""

import dataclasses

from flax import nnx

from cape.model.conditioning import Conditioning, ConditioningConfig
from cape.model.conditionings.cape import CAPEConfig
from cape.model.normalisation import NORMALISATIONS, Normalisation
from cape.problem import Problem
from cape.solvers.fitted import fitted
from cape.solvers.fno import FNOConfig
from cape.solvers.solver import SolverConfig
from cape.window import Window

MOST_SUBSTEPS = 64  # each is compiled
MOST_MEMBERS = 256


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """A base solver, the conditioning around it, and the normalisation of fields.

    Attributes:
        base: the base solver.
        conditioning: how the base solver depends on the PDE parameters.
        normalisation: "auto" chooses by the training data (`automatic_model`), and is "sample" for a surrogate that is
            built without data. "sample" normalises every state by its own mean and deviation, which the conditioning
            sees as further parameters. "channel" normalises by the statistics of the training data. "off" does nothing,
            as in the published form.
        conserve: keep the mean over space of every channel whose mean stays the same in all training trajectories
            (`Problem.conserved`), such as density or Burgers' u. The published form does not.
        position_channels: show the base solver where it is along periodic axes. Set it for an equation whose force or
            coefficients depend on the position. The published U-Net apart, base solvers see positions along other axes.
        history: how many frames a step takes, see `Window`.
        bundle: how many frames a step gives, see `Window`.
        substeps: how many times the network is applied in a step, with the same weights. Fronts then move less far in
            one application. The work grows in proportion.
        identify: look for an equation that explains the training data (`cape.identification`). If there is one, the
            network learns corrections of its steps. Only for steps from one frame to one.
        members: number of members of an ensemble: models of this configuration with independent initial weights. They
            are trained together, and the rollout is the mean of theirs. 1: a single model.

    Raises:
        ValueError: a number is out of range, or the normalisation is unknown.
    """

    base: SolverConfig = FNOConfig()
    conditioning: ConditioningConfig = CAPEConfig()
    normalisation: str = "auto"
    conserve: bool = True
    position_channels: bool = False
    history: int = 1
    bundle: int = 1
    substeps: int = 1
    identify: bool = False
    members: int = 1

    def __post_init__(self):
        Window(self.history, self.bundle)  # raises an error if the numbers do not fit
        if not 1 <= self.substeps <= MOST_SUBSTEPS:
            raise ValueError(f"model.substeps: expected 1 to {MOST_SUBSTEPS}, got {self.substeps}")
        if not 1 <= self.members <= MOST_MEMBERS:
            raise ValueError(f"model.members: expected 1 to {MOST_MEMBERS}, got {self.members}")
        try:
            if self.normalisation != "auto":
                NORMALISATIONS.find(self.normalisation)
        except ValueError as error:
            raise ValueError(f"model.normalisation: {error}") from None

    @property
    def window(self) -> Window:
        return Window(self.history, self.bundle, self.members)

    def check_frames(self, steps: int, *, with_equation: bool) -> None:
        """Raise ValueError if a step takes more frames than a training trajectory of `steps` steps has.

        A step of an identified equation takes and gives one frame.
        """
        if self.history > steps:
            raise ValueError(
                f"model.history: expected at most {steps} of the {steps + 1} frames of a training trajectory, got "
                f"{self.history}"
            )
        if with_equation and (self.history > 1 or self.bundle > 1):
            raise ValueError(
                "an identified equation advances one frame; set model.history and model.bundle to 1"
            )

    def build(self, problem: Problem, *, rngs: nnx.Rngs) -> tuple[Normalisation, Conditioning]:
        """Build the normalisation and the conditioned base solver of one member.

        Raises:
            ValueError: the conditioning needs PDE parameters and the problem has none, or a part does not fit the
                problem or its contract.
        """
        uses_parameters = self.conditioning.uses_parameters
        if uses_parameters and not problem.parameters:
            raise ValueError(
                "model.conditioning: the data name no PDE parameters to condition on; use the conditioning "
                "'unconditioned', or name the parameters in the data"
            )
        chosen = "sample" if self.normalisation == "auto" else self.normalisation
        normalisation = NORMALISATIONS.find(chosen)(
            problem, uses_parameters=uses_parameters, history=self.history
        )
        inner = self.window.problem(normalisation.inner_problem)
        build_solver = fitted(self.base, problem.domain, position_channels=self.position_channels, rngs=rngs)
        return normalisation, self.conditioning.build(inner, build_solver, rngs=rngs)
