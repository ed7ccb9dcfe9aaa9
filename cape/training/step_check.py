"""The check that trajectories have the steps that a surrogate learns."""

from cape.datasets.trajectories import Trajectories
from cape.surrogate import Surrogate


def check_steps(surrogate: Surrogate, training: Trajectories, validation: Trajectories, stride: int) -> None:
    """Check that data fit a surrogate and have at least one step, also if only every `stride`-th frame is used.

    Raises:
        ValueError: names, boundaries or the time step differ, or there are too few frames.
    """
    needed = surrogate.window.history + surrogate.window.bundle
    for trajectories in (training, validation):
        surrogate.problem.check_trajectories(trajectories)
        if trajectories.frames < needed:
            raise ValueError(
                f"{trajectories.source}: expected at least {needed} frames to learn a step, got "
                f"{trajectories.frames}"
            )
        if not surrogate.problem.has_time_step(trajectories.dt):
            raise ValueError(
                f"{trajectories.source}: expected a time step of {surrogate.problem.dt:g}, got {trajectories.dt:g}"
            )
    if -(-training.frames // stride) < needed:
        raise ValueError(
            f"augmentation.strides: every {stride}th of {training.frames} frames is too few to learn a step, expected "
            f"at least {needed}"
        )
