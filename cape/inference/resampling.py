"""Resampling: files on the domain, grid and time step of a surrogate's training data."""

from cape.datasets.trajectories import Trajectories
from cape.problem import Problem

_SAME_LENGTH = 0.05  # of the domain; sub-sampling a bounded axis moves its end by a fraction of a cell


def on_training_grid(problem: Problem, trajectories: Trajectories, stride: int = 0) -> Trajectories:
    """Check that trajectories match a surrogate's problem and take every `stride`-th point; reads no field.

    Args:
        stride: 0 takes the points of the training grid if the files' grid is a multiple of it, and all points
            otherwise.

    Raises:
        ValueError: channels, parameters, boundaries or domain differ from the training data, or the stride does
            not divide the grid.
    """
    problem.check_trajectories(trajectories)
    chosen = stride or _ratio(trajectories.resolution, problem.resolution)
    trajectories = trajectories.subsample(space=chosen)
    check_length(problem, trajectories.lengths, trajectories.source)
    return trajectories


def on_doubled_grid(problem: Problem, trajectories: Trajectories) -> Trajectories | None:
    """Take the points of a grid twice as fine as the training grid along every axis.

    Returns None if the files do not have these points. Reads no field.
    """
    ratios = {divmod(n, 2 * m) for n, m in zip(trajectories.resolution, problem.resolution, strict=True)}
    stride, rest = ratios.pop()
    return None if ratios or rest or not stride else trajectories.subsample(space=stride)


def check_length(problem: Problem, lengths: tuple[float, ...], source: str) -> None:
    """Raise ValueError unless a domain is as large as in training."""
    for found, expected in zip(lengths, problem.length, strict=True):
        if abs(found - expected) > _SAME_LENGTH * expected:
            raise ValueError(
                f"{source}: expected a domain of length {_plain(problem.length)} as in training, "
                f"got {_plain(lengths)}"
            )


def in_time_steps(problem: Problem, trajectories: Trajectories, stride: int = 0) -> Trajectories:
    """Take every `stride`-th frame, so that frames are one step of the surrogate apart; reads no field.

    Args:
        stride: 0 computes the stride from the time steps.

    Raises:
        ValueError: the time between frames does not divide the surrogate's time step, or differs from it with the
            given stride; or the files end before one step.
    """
    chosen = stride or max(round(problem.dt / trajectories.dt), 1)
    found = chosen * trajectories.dt
    if not problem.has_time_step(found):
        every = f", every {stride}th of them {found:g}" if stride > 1 else ""
        raise ValueError(
            f"{trajectories.source}: one step of the surrogate is {problem.dt:g} long; expected frames that far "
            f"apart, or a whole fraction of it, got {trajectories.dt:g}{every}"
        )
    if chosen >= trajectories.frames:
        raise ValueError(
            f"{trajectories.source}: the files end at t = {trajectories.times[-1]:g}, before one step of the "
            f"surrogate ({problem.dt:g}) is over"
        )
    return trajectories.subsample(time=chosen)


def _ratio(found: tuple[int, ...], trained: tuple[int, ...]) -> int:
    ratios = {divmod(n, m) for n, m in zip(found, trained, strict=True)}
    ratio, rest = ratios.pop()
    return ratio if not ratios and rest == 0 and ratio > 0 else 1


def _plain(lengths: tuple[float, ...]) -> str:
    return " x ".join(f"{length:g}" for length in lengths)
