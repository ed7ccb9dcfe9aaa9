"""Fit: train a surrogate on trajectories, validate it, and keep the best weights."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from cape.config import to_dict
from cape.datasets.trajectories import Trajectories
from cape.surrogate import Surrogate
from cape.training import processes
from cape.training.batches import Batch, batches_from, describe_batch
from cape.training.best import BestOfMembers, BestWeights, best_weights
from cape.training.config import TrainingConfig
from cape.training.curriculum import Plan
from cape.training.divergence import Diverged, FiniteCheck
from cape.training.functional_model import split, weights_of
from cape.training.inputs import Schedule
from cape.training.interruption import Interruption
from cape.training.notebook import live_trackers
from cape.training.phases import Phases, plan_phases
from cape.training.programs import Programs
from cape.training.progress import Progress
from cape.training.run_output import RunOutput
from cape.training.running_epoch import RunningEpoch
from cape.training.sampling import TrajectorySampler
from cape.training.step_check import check_steps
from cape.training.tracker import Trackers
from cape.training.update import TrainingState, initial_state, update, warm_up_update
from cape.training.validation import Validation

_AGREED_EVERY = 16  # updates; several processes then agree on whether to save and stop
_CHECKED_EVERY = 256  # updates; their losses are looked at then, which waits for the last of them


def fit(
    surrogate: Surrogate,
    training: Trajectories,
    validation: Trajectories,
    config: TrainingConfig,
    folder: Path | None = None,
    *,
    progress: bool = True,
) -> Surrogate:
    """Train on `training`; return a copy of the surrogate with the best weights (see `BestWeights`).

    With a `folder`, write `metrics.jsonl`, checkpoints, and the surrogate with the best weights so far (`model/`, which
    `cape.load` opens). Called again on the same folder, continue from the newest checkpoint, also inside an epoch. On a
    CPU a resumed training gives bitwise the weights of an uninterrupted one.

    Raises:
        ValueError: the data do not fit the surrogate, or a checkpoint does not fit the configuration.
        ImportError: the package of a tracker is missing.
        FolderInUse: another training is running in the folder.
        Diverged: the losses, the weights or the errors of all validations are not finite. The folder keeps the best
            weights so far, if any were validated.
        Interrupted, Terminated: SIGINT (Ctrl-C) or SIGTERM came, and there is a folder. The running update was
            finished and its state saved (see `Interruption`).
    """
    check_steps(surrogate, training, validation, max(config.augmentation.strides))
    diverged = None
    settings = {"model": to_dict(surrogate.config), "training": to_dict(config)}
    settings["problem"] = dataclasses.asdict(surrogate.problem)
    progress = progress and processes.first()
    names = (*config.trackers, *live_trackers(progress)) if processes.first() else ()
    trackers = Trackers(names, settings, folder)
    with (
        RunOutput(folder, trackers) as output,
        trackers,
        Interruption(active=folder is not None) as interruption,
    ):
        attempt = functools.partial(
            _attempt, surrogate, training, validation, config, output, interruption, progress
        )
        while True:
            try:
                return attempt(diverged)
            except Diverged as error:
                if not error.may_retry or output.retries >= config.divergence_retries:
                    raise
                diverged = error


def _attempt(
    surrogate: Surrogate,
    training: Trajectories,
    validation: Trajectories,
    config: TrainingConfig,
    output: RunOutput,
    interruption: Interruption,
    progress: bool,
    diverged: Diverged | None,
) -> Surrogate:
    """Train from the newest checkpoint to the end; after a divergence, with a lower learning rate."""
    phases = plan_phases(surrogate, config, training.samples)
    params, model_state = weights_of(surrogate)
    best = best_weights(params, model_state, validation.samples, surrogate.members)
    channel_std = jnp.asarray(surrogate.normalisation.channel_std, jnp.float32)
    sizes, streamed = (phases.updates_per_epoch, training.samples), config.storage == "stream"
    running = RunningEpoch(*sizes, channel_std.dtype, surrogate.members, streamed=streamed)
    state = initial_state(params, model_state, phases.training, phases.warm_up)
    state, start = output.resume(state, best, running, diverged)
    state, phases = phases.training.place_members(state), phases.slowed(output.slowdown)

    def measure(data: Trajectories) -> Validation:
        return Validation(surrogate, data, config.objective, config.batch, channel_std, phases.mesh)

    sampler = TrajectorySampler(config.sampling, training, measure, config.seed)
    sampler.probabilities = running.probabilities
    validate = measure(validation)
    first = start * phases.updates_per_epoch + running.updates
    batches = batches_from(first, training, config, surrogate.problem, surrogate.window, sampler, phases.mesh)
    finite = FiniteCheck(phases, best, functools.partial(describe_batch, training, config, sampler))
    state_std = jnp.tile(channel_std, surrogate.window.history)  # of the channels of a state
    transitions = surrogate.window.transitions(training.frames)
    pause = functools.partial(_must_save, interruption, output, config.checkpoint_minutes, running)
    shown = Progress(phases, config.validate_every, first, shown=progress)
    counts = [-(-training.frames // stride) for stride in config.augmentation.strides]  # of frames
    lengths = [surrogate.window.transitions(count) + 1 for count in counts]
    updates = (warm_up_update, update)
    with contextlib.closing(shown), Programs(phases, updates, state_std, validate, lengths) as programs:
        for epoch in range(start, config.epochs):
            last = epoch + 1 == config.epochs
            due = last or (epoch + 1) % config.validate_every == 0
            plan = config.curriculum.plan(phases.progress(epoch), transitions)
            if not running.updates:
                _begin_epoch(phases.progress(epoch), state, running, sampler)
            shown.begin_epoch(epoch)
            while True:
                state = _train_epoch(programs, epoch, plan, state, batches, running, pause, shown)
                finite.losses(epoch, running)
                if not pause():
                    break
                finite.state(state)
                output.save_checkpoint(state, best, running)
                _stop_if_requested(interruption, output, phases, state, shown)
                if running.ended:
                    break
            record = _record(phases, epoch, plan, running.means())
            shown.end_updates()
            if due:
                finite.state(state)
            if due and not phases.warming(epoch):
                record |= _validate(programs, state, best, averaged=config.ema > 0)
            if record.get("kept"):
                output.save_model(_with_weights(surrogate, best))
            output.log(record | {"seconds": running.seconds})
            shown.end_epoch(record)
            running.begin()
            # a retry goes back to a checkpoint, which the clock must not choose
            if due and (last or config.divergence_retries or output.checkpoint_pays):
                output.save_checkpoint(state, best, running)
    finite.validations()
    return _with_weights(surrogate, best)


def _begin_epoch(
    progress: float, state: TrainingState, running: RunningEpoch, sampler: TrajectorySampler
) -> None:
    """Draw the trajectories of a new epoch."""
    running.begin()
    sampler.begin_epoch(progress, state["params"], state["model_state"])
    running.probabilities = sampler.probabilities


def _stop_if_requested(
    interruption: Interruption, output: RunOutput, phases: Phases, state: TrainingState, shown: Progress
) -> None:
    """Close the progress and raise `Interrupted` or `Terminated`, if a signal came."""
    if interruption.requested:
        shown.close()
        interruption.stop(f"{output}: stopped after {phases.describe(int(state['step']))}")


def _must_save(interruption: Interruption, output: RunOutput, minutes: float, running: RunningEpoch) -> bool:
    """Return whether the state must be saved after this update, wherever it is in its epoch.

    Several processes agree on it after some updates only, because this waits for their devices.
    """
    if processes.count() > 1 and running.updates % _AGREED_EVERY and not running.ended:
        return False
    return interruption.agreed(0 < minutes <= output.minutes)


def _train_epoch(
    programs: Programs,
    epoch: int,
    plan: Plan,
    state: TrainingState,
    batches: Iterator[Batch],
    running: RunningEpoch,
    pause: Callable[[], bool],
    shown: Progress,
) -> TrainingState:
    """Apply the remaining updates of an epoch and return the new state.

    Stop earlier if `pause` says so after an update, and after a loss that is not finite.
    """
    schedule = Schedule(jnp.int32(plan.autoregressive), jnp.int32(plan.pushes) if plan.pushes else None)
    while not running.ended:
        batch = running.take(batches)
        state, measures = programs.update(epoch, state, batch, schedule)
        running.add(measures, steps=batch[0].shape[1] - 1)
        shown.update()
        if pause():
            break
        if running.updates % _CHECKED_EVERY == 0 and running.not_finite():
            break
    return state


def _validate(
    programs: Programs, state: TrainingState, best: BestWeights | BestOfMembers, *, averaged: bool
) -> dict[str, Any]:
    """Offer the present weights to `best`; return their validation error, and whether they are kept."""
    params, model_state = state["ema"] if averaged else state["params"], state["model_state"]
    errors = programs.validate(params, model_state)
    return {
        "validation_error": float(errors.mean()),
        "kept": best.offer(errors, params, model_state),
    }


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


def _with_weights(surrogate: Surrogate, best: BestWeights | BestOfMembers) -> Surrogate:
    """Return a copy of the surrogate with the best weights."""
    graphdef, params, model_state = split(surrogate)
    nnx.replace_by_pure_dict(params, jax.tree.map(jnp.asarray, best.arrays["params"]))
    nnx.replace_by_pure_dict(model_state, jax.tree.map(jnp.asarray, best.arrays["model_state"]))
    return nnx.merge(graphdef, params, model_state)
