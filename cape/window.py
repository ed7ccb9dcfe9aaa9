"""Windows: steps that take several frames (history) and give several frames at once (temporal bundling).

A step maps a state to the next state. A state is the last `history` frames, concatenated as channels, oldest first.
A step predicts `bundle` new frames. With one frame each, a state is a frame. The state of an ensemble is the states of
all members, concatenated as channels.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cape.problem import Problem
from cape.rollout import Step, rollout

MOST_FRAMES = 1000


@dataclasses.dataclass(frozen=True)
class Window:
    """How many frames a step takes and gives.

    Attributes:
        history: number of frames that a step takes.
        bundle: number of new frames that a step gives, at most `history`.
        members: number of members of an ensemble, each of which is rolled out by itself.

    Raises:
        ValueError: a number is below 1, or there are more new frames than a state has.
    """

    history: int = 1
    bundle: int = 1
    members: int = 1

    def __post_init__(self):
        if not 1 <= self.history <= MOST_FRAMES:
            raise ValueError(f"model.history: expected 1 to {MOST_FRAMES} frames, got {self.history}")
        if not 1 <= self.bundle <= self.history:
            raise ValueError(
                f"model.bundle: expected 1 to {self.history} frames, as many as model.history at most, got "
                f"{self.bundle}"
            )

    def transitions(self, frames: int) -> int:
        """Count the steps in a trajectory of `frames` frames. Frames at the end that fill no step are not used."""
        return (frames - self.history) // self.bundle

    def predicted(self, frames: int, source: str) -> int:
        """Count the frames after the given ones.

        Raises:
            ValueError: there is none; `source` names the data in the message.
        """
        if frames <= self.history:
            raise ValueError(
                f"{source}: a rollout starts from {self.history} frame(s), expected more frames than that, got {frames}"
            )
        return frames - self.history

    def given_frames(
        self, problem: Problem, u0: Float[Array, "batch *frames channel"]
    ) -> Float[Array, "batch history *space channel"]:
        """Return the frames that a rollout starts from, with an axis `history` also if that is one frame.

        Raises:
            ValueError: the shape does not fit the problem or this window.
        """
        if self.history == 1:
            problem.check_state(u0)
            return u0[:, None]
        if u0.ndim != problem.dimension + 3 or u0.shape[1] != self.history:
            raise ValueError(
                f"expected u0 [batch, {self.history} frames, {problem.dimension} space axes, "
                f"{len(problem.channels)} channel(s) {problem.channels}], got shape {u0.shape}"
            )
        problem.check_state(u0[:, 0])
        return u0

    def check_state(self, u: Float[Array, "batch *space channel"], channels: tuple[str, ...]) -> None:
        """Raise ValueError unless u is a state of frames with these channels."""
        if u.shape[-1] != self.members * self.history * len(channels):
            of_members = f" for each of {self.members} members" if self.members > 1 else ""
            raise ValueError(
                f"expected a state of {self.history} frame(s) of the channel(s) {channels}, oldest first{of_members}, "
                f"as the last axis, got shape {u.shape}"
            )

    def states(
        self, frames: Float[Array, "batch time *space channel"]
    ) -> Float[Array, "batch state *space history_channel"]:
        """Split trajectories into states, each `bundle` frames after the previous one."""
        if self.history == 1:
            return frames
        first = self.bundle * np.arange(self.transitions(frames.shape[1]) + 1)
        return jnp.concatenate([frames[:, first + i] for i in range(self.history)], -1)

    def rollout(
        self, step: Step, given: Float[Array, "batch history *space channel"], steps: int
    ) -> Float[Array, "batch steps *space channel"]:
        """Predict `steps` frames after the given ones with a one-step map from state to state.

        Raises:
            ValueError: the number of given frames is not `history`, or see `cape.rollout.rollout`.
        """
        if self.members > 1:
            return self.member_rollouts(step, given, steps).mean(1)
        states = self._rollout_of_states(step, given, steps)
        if self.history == 1:
            return states
        new = jnp.split(states, self.history, -1)[-self.bundle :]
        frames = jnp.stack(new, 2)  # [batch, step, bundle, ...]
        return frames.reshape(frames.shape[0], -1, *frames.shape[3:])[:, :steps]

    def member_rollouts(
        self, step: Step, given: Float[Array, "batch history *space channel"], steps: int
    ) -> Float[Array, "batch member steps *space channel"]:
        """Predict `steps` frames after the given ones with every member of an ensemble, see `rollout`."""
        states = self._rollout_of_states(step, given, steps)
        states = states.reshape(*states.shape[:-1], self.members, self.history, -1)
        frames = jnp.moveaxis(states[..., -self.bundle :, :], (-3, -2), (1, 3))
        return frames.reshape(frames.shape[0], self.members, -1, *frames.shape[4:])[:, :, :steps]

    def _rollout_of_states(self, step: Step, given: Float[Array, "batch history *space channel"], steps: int):
        if given.shape[1] != self.history:
            raise ValueError(f"expected {self.history} frame(s) to start from, got {given.shape[1]}")
        first = self.states(given)[:, 0]
        first = jnp.concatenate([first] * self.members, -1) if self.members > 1 else first
        return rollout(step, first, -(-steps // self.bundle))

    def problem(self, problem: Problem) -> Problem:
        """Return the problem whose frames are the states of `problem`; a solver inside a surrogate is built for it."""
        if self.history == 1:
            return problem
        ages = range(self.history - 1, -1, -1)
        channels = tuple(f"{name}, {age} frames ago" for age in ages for name in problem.channels)
        repeated = ("channel_mean", "channel_std", "channel_low", "channel_drift")
        statistics = {name: getattr(problem, name) * self.history for name in repeated}
        return dataclasses.replace(problem, channels=channels, dt=self.bundle * problem.dt, **statistics)


ONE_FRAME = Window()
