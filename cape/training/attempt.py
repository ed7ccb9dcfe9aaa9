"""An attempt at a training: from the newest checkpoint to the last epoch, or to a divergence."""

import contextlib
import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from cape.datasets.trajectories import Trajectories
from cape.surrogate import Surrogate
from cape.training import processes
from cape.training.batches import batches_from, describe_batch
from cape.training.best import best_weights
from cape.training.config import TrainingConfig
from cape.training.curriculum import Plan
from cape.training.divergence import Diverged, FiniteCheck
from cape.training.functional_model import split, weights_of
from cape.training.inputs import Schedule
from cape.training.interruption import Interruption
from cape.training.phases import Phases, plan_phases
from cape.training.programs import Programs
from cape.training.progress import Progress
from cape.training.run_output import RunOutput
from cape.training.running_epoch import RunningEpoch
from cape.training.sampling import TrajectorySampler
from cape.training.update import initial_state, update, warm_up_update
from cape.training.validation import Validation

_AGREED_EVERY = 16  # updates; several processes then agree on whether to save and stop
_CHECKED_EVERY = 256  # updates; their losses are looked at then, which waits for the last of them


class Attempt:
    """Train from the newest checkpoint of a run to the end. After a divergence, the learning rate is lower.

    Args:
        surrogate: the surrogate with its first weights.
        training, validation: the data.
        config: how it is trained.
        output: the run.
        interruption: tells of signals that ask the training to stop.
        diverged: why the attempt before this one ended; None: this is the first.
        progress: show the progress.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        training: Trajectories,
        validation: Trajectories,
        config: TrainingConfig,
        output: RunOutput,
        interruption: Interruption,
        diverged: Diverged | None,
        *,
        progress: bool,
    ):
        self.surrogate, self.config, self.output, self.interruption = surrogate, config, output, interruption
        window, members = surrogate.window, surrogate.members
        phases = plan_phases(surrogate, config, training.samples)
        params, model_state = weights_of(surrogate)
        self.best = best_weights(params, model_state, validation.samples, members)
        channel_std = jnp.asarray(surrogate.normalisation.channel_std, jnp.float32)
        sizes, streamed = (phases.updates_per_epoch, training.samples), config.storage == "stream"
        self.running = RunningEpoch(*sizes, channel_std.dtype, members, streamed=streamed)
        state = initial_state(params, model_state, phases.training, phases.warm_up)
        state, self.start = output.resume(state, self.best, self.running, diverged)
        self.state, self.phases = phases.training.place_members(state), phases.slowed(output.slowdown)

        def measure(data: Trajectories) -> Validation:
            return Validation(surrogate, data, config.objective, config.batch, channel_std, self.phases.mesh)

        self.sampler = TrajectorySampler(config.sampling, training, measure, config.seed)
        self.sampler.probabilities = self.running.probabilities
        first = self.start * phases.updates_per_epoch + self.running.updates
        mesh, problem = self.phases.mesh, surrogate.problem
        self.batches = batches_from(first, training, config, problem, window, self.sampler, mesh)
        describe = functools.partial(describe_batch, training, config, self.sampler)
        self.finite = FiniteCheck(self.phases, self.best, describe)
        self.transitions = window.transitions(training.frames)
        self.shown = Progress(self.phases, config.validate_every, first, shown=progress)
        counts = [-(-training.frames // stride) for stride in config.augmentation.strides]  # of frames
        lengths = [window.transitions(count) + 1 for count in counts]
        state_std = jnp.tile(channel_std, window.history)  # of the channels of a state
        updates = (warm_up_update, update)
        self.programs = Programs(self.phases, updates, state_std, measure(validation), lengths)

    def run(self) -> Surrogate:
        """Train to the end, and return a copy of the surrogate with the best weights.

        Raises:
            Diverged, Interrupted, Terminated: see `cape.training.fit`.
        """
        with contextlib.closing(self.shown), self.programs:
            for epoch in range(self.start, self.config.epochs):
                self._epoch(epoch)
        self.finite.validations()
        return self._best_surrogate()

    def _epoch(self, epoch: int) -> None:
        """Train for an epoch, or for the rest of one, validate the weights, and write what is due."""
        config, output, running = self.config, self.output, self.running
        last = epoch + 1 == config.epochs
        due = last or (epoch + 1) % config.validate_every == 0
        plan = config.curriculum.plan(self.phases.progress(epoch), self.transitions)
        if not running.updates:
            self._draw_trajectories(epoch)
        self.shown.begin_epoch(epoch)
        self._train(epoch, plan)
        record = _record(self.phases, epoch, plan, running.means())
        self.shown.end_updates()
        if due:
            self.finite.state(self.state)
        if due and not self.phases.warming(epoch):
            record |= self._validate()
        if record.get("kept"):
            output.save_model(self._best_surrogate())
        output.log(record | {"seconds": running.seconds})
        self.shown.end_epoch(record)
        running.begin()
        # a retry goes back to a checkpoint, which the clock must not choose
        if due and (last or config.divergence_retries or output.checkpoint_pays):
            output.save_checkpoint(self.state, self.best, running)

    def _draw_trajectories(self, epoch: int) -> None:
        self.running.begin()
        weights = self.state["params"], self.state["model_state"]
        self.sampler.begin_epoch(self.phases.progress(epoch), *weights)
        self.running.probabilities = self.sampler.probabilities

    def _train(self, epoch: int, plan: Plan) -> None:
        """Apply the remaining updates of an epoch, and save the state whenever it must be saved.

        Raises:
            Diverged: a loss or a weight is not finite.
            Interrupted, Terminated: a signal came.
        """
        while True:
            self._update(epoch, plan)
            self.finite.losses(epoch, self.running)
            if not self._must_save():
                return
            self.finite.state(self.state)
            self.output.save_checkpoint(self.state, self.best, self.running)
            if self.interruption.requested:
                self.shown.close()
                done = self.phases.describe(int(self.state["step"]))
                self.interruption.stop(f"{self.output}: stopped after {done}")
            if self.running.ended:
                return

    def _update(self, epoch: int, plan: Plan) -> None:
        """Apply the remaining updates of an epoch.

        Stop earlier if the state must be saved after an update, and after a loss that is not finite.
        """
        running = self.running
        schedule = Schedule(jnp.int32(plan.autoregressive), jnp.int32(plan.pushes) if plan.pushes else None)
        while not running.ended:
            batch = running.take(self.batches)
            self.state, measures = self.programs.update(epoch, self.state, batch, schedule)
            running.add(measures, steps=batch[0].shape[1] - 1)
            self.shown.update()
            if self._must_save() or (running.updates % _CHECKED_EVERY == 0 and running.not_finite()):
                return

    def _must_save(self) -> bool:
        """Return whether the state must be saved after this update, wherever it is in its epoch.

        Several processes agree on it after some updates only, because this waits for their devices.
        """
        running = self.running
        if processes.count() > 1 and running.updates % _AGREED_EVERY and not running.ended:
            return False
        return self.interruption.agreed(0 < self.config.checkpoint_minutes <= self.output.minutes)

    def _validate(self) -> dict[str, Any]:
        """Offer the present weights to the best ones; return their validation error, and whether they are kept."""
        params = self.state["ema"] if self.config.ema > 0 else self.state["params"]
        model_state = self.state["model_state"]
        errors = self.programs.validate(params, model_state)
        kept = self.best.offer(errors, params, model_state)
        return {"validation_error": float(errors.mean()), "kept": kept}

    def _best_surrogate(self) -> Surrogate:
        graphdef, params, model_state = split(self.surrogate)
        nnx.replace_by_pure_dict(params, jax.tree.map(jnp.asarray, self.best.arrays["params"]))
        nnx.replace_by_pure_dict(model_state, jax.tree.map(jnp.asarray, self.best.arrays["model_state"]))
        return nnx.merge(graphdef, params, model_state)


def _record(phases: Phases, epoch: int, plan: Plan, losses: dict[str, float]) -> dict[str, Any]:
    """Return the record of an epoch for the log."""
    return {
        "step": (epoch + 1) * phases.updates_per_epoch,
        "epoch": epoch + 1,
        "epochs": phases.epochs,
        "phase": phases.name(epoch),
        "feedback": plan.autoregressive,
        "pushes": plan.pushes,
        **losses,
    }
