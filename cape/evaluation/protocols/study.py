"""What the protocols work on: a one-step map, the trajectories it was evaluated on, and that evaluation."""

from dataclasses import dataclass

from cape.datasets.trajectories import Trajectories
from cape.evaluation.evaluate import StepAt, evaluate
from cape.evaluation.evaluation import Evaluation
from cape.window import ONE_FRAME, Window


@dataclass(frozen=True, eq=False)
class Study:
    """A one-step map that has been evaluated, with everything the protocols need to measure more.

    Attributes:
        step_at: parameters -> one-step map, as in `evaluate`.
        trajectories: the truth that `evaluation` was computed on.
        evaluation: of `step_at` with the right parameters.
        trained_steps: number of steps of the longest rollout in training.
        window: as in `evaluate`.
        finer: the same trajectories on a grid twice as fine along every axis, if there are any.
        seed: of the order in which parameters are shuffled.
    """

    step_at: StepAt
    trajectories: Trajectories
    evaluation: Evaluation
    trained_steps: int
    window: Window = ONE_FRAME
    finer: Trajectories | None = None
    seed: int = 0

    @property
    def steps(self) -> int:
        """Number of predicted frames in the evaluation."""
        return len(self.evaluation.times)

    @property
    def truth(self) -> Trajectories:
        """The trajectories up to the last frame of the evaluation."""
        return self.trajectories.first_frames(self.steps + self.window.history)

    def evaluate(self, step_at: StepAt, trajectories: Trajectories) -> Evaluation:
        """Evaluate another map or other trajectories in the same way, without examples."""
        return evaluate(
            step_at,
            trajectories,
            self.evaluation.training_values,
            steps=self.steps,
            examples=False,
            window=self.window,
        )
