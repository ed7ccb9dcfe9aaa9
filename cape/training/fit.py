"""Training: how a surrogate is trained, and `fit`, which does it."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from tqdm import tqdm

from cape.datasets.batches import steps_per_epoch
from cape.datasets.symmetries import Augmentation
from cape.datasets.trajectories import Trajectories
from cape.pretrained import save
from cape.surrogate import Surrogate
from cape.training import batches as feed
from cape.training.checkpoint import Checkpoints
from cape.training.curriculum import Curriculum, Plan, Pushforward, TanhTransition
from cape.training.log import Records
from cape.training.objective import Losses, Model, Objective, Schedule
from cape.training.optimisers import AdamW, Muon, Optimiser
from cape.training.sampling import Draw, EveryTrajectory, Sampling
from cape.training.update import Recipe, initial_state, update, warm_up
from cape.training.validation import Validation, no_worse


class Diverged(RuntimeError):
    """The loss became NaN or infinite."""


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a surrogate is trained.

    Attributes:
        epochs: passes over the training data, warm-up included.
        batch: trajectories per update.
        seed: of the initial weights, the order of the batches and the noise.
        warmup_epochs: epochs that train the conditioning's own guess (the CAPE block) alone, on the auxiliary
            loss. A conditioning that makes no guess has nothing to warm up and trains as usual in them.
        warmup: optimiser of the warm-up.
        objective, curriculum, optimiser: what is minimised, on which inputs, how.
        sampling: which trajectories an epoch draws from; other than every one only with storage = "device".
        augmentation: exact images of the trajectories under the equation's symmetries, drawn anew in every batch.
        ema: decay of the exponential moving average of the weights that is validated and kept; 0 for none.
        validate_every: epochs between validations (and checkpoints).
        storage: "device" keeps all training data in the accelerator's memory; "stream" reads every batch from
            disk, one ahead.
        tensorboard: also write TensorBoard records (extra `tensorboard`).
    """

    epochs: int = 20
    batch: int = 10
    seed: int = 0
    warmup_epochs: int = 1
    warmup: Optimiser = AdamW(learning_rate=3e-2, weight_decay=0.0, rise=0.0, final=0.1)
    objective: Objective = Objective()
    curriculum: Curriculum = TanhTransition(center=0.85, width=0.1)
    optimiser: Optimiser = Muon()
    sampling: Sampling = EveryTrajectory()
    augmentation: Augmentation = Augmentation()
    ema: float = 0.0
    validate_every: int = 1
    storage: Literal["device", "stream"] = "device"
    tensorboard: bool = False

    def __post_init__(self):
        for name in ("epochs", "batch", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"training.{name}: expected at least 1, got {getattr(self, name)}")
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                f"training.warmup_epochs: expected 0 to {self.epochs - 1} of {self.epochs} epochs, "
                f"got {self.warmup_epochs}"
            )
        if isinstance(self.curriculum, Pushforward) and self.objective.gradients == "through_time":
            raise ValueError('training: Pushforward has no gradients through time; use gradients = "cut"')
        if self.storage == "stream" and not isinstance(self.sampling, EveryTrajectory):
            raise ValueError(
                'training.sampling: streamed data are drawn once an epoch; use storage = "device"'
            )
        if not 0 <= self.ema < 1:
            raise ValueError(f"training.ema: expected a decay in [0, 1), got {self.ema}")


def fit(
    surrogate: Surrogate,
    training: Trajectories,
    validation: Trajectories,
    config: TrainingConfig,
    folder: Path | None = None,
    *,
    progress: bool = True,
) -> Surrogate:
    """Train `surrogate` on `training`; return it with the last weights whose validation is as good as the best.

    What is as good: `validation.no_worse`. With a `folder` it writes `metrics.jsonl`, checkpoints, and whenever
    validation is as good as the best so far the surrogate itself (`model/`, see `cape.load`); called again on the same
    folder it goes on where it was stopped. On a CPU the resumed training gives the weights of an uninterrupted one,
    bit by bit.

    Raises:
        ValueError: the data do not fit the surrogate, or a checkpoint not the configuration.
        Diverged: the loss is no longer finite; the best weights so far are in the folder.
    """
    _check(surrogate, training, validation, max(config.augmentation.strides))

    # ---- the model as pure functions, its state as plain arrays ----------------------------------------------
    surrogate.train()
    graphdef, params, rest = nnx.split(surrogate, nnx.Param, ...)
    surrogate.eval()
    params, rest = nnx.to_pure_dict(params), nnx.to_pure_dict(rest)
    per_epoch = steps_per_epoch(training.samples, config.batch)
    transitions = surrogate.window.transitions(training.frames)
    guesses = "block" in params["conditioned"]  # nothing else is trained in a warm-up
    warmup_epochs = config.warmup_epochs if guesses else 0
    common = (per_epoch, config.seed, config.ema)
    after = (config.epochs - warmup_epochs) * per_epoch
    recipe = Recipe(
        Model(graphdef, surrogate.new_channels), config.objective, config.optimiser, after, *common
    )
    first = recipe._replace(optimiser=config.warmup, updates=max(warmup_epochs, 1) * per_epoch)
    state = initial_state(params, rest, recipe, first)
    scale = jnp.asarray(surrogate.problem.channel_std, jnp.float32)
    scale = jnp.ones_like(scale) if surrogate.config.normalise == "off" else scale
    scales = jnp.tile(scale, surrogate.window.history)  # of the channels of a state

    # ---- data, records, and where an earlier training stopped ------------------------------------------------
    checkpoints = None if folder is None else Checkpoints(Path(folder) / "checkpoints")
    start = 0
    unknown = np.full(validation.samples, np.inf, np.float32)
    best = {"lowest": unknown, "params": state["params"], "rest": state["rest"]}
    best = jax.tree.map(np.array, best)
    if checkpoints is not None and (newest := checkpoints.newest()) is not None:
        restored = checkpoints.restore(newest, {"state": state, "best": best})
        state, best, start = restored["state"], jax.tree.map(np.array, restored["best"]), newest
    done = start * per_epoch
    records = Records(folder, from_step=done, tensorboard=config.tensorboard)

    def errors_on(data: Trajectories) -> Validation:
        return Validation(surrogate, data, config.objective, max(config.batch, 32), scale)

    draw, validate = Draw(config.sampling, training, errors_on, config.seed), errors_on(validation)
    what = (training, config.seed, config.batch, done)
    batches = feed.resident(*what, draw) if config.storage == "device" else feed.streamed(*what)
    batches = feed.augmented(batches, surrogate.problem, config.augmentation, config.seed, done)
    batches = feed.windowed(batches, surrogate.window)

    # ---- epochs ----------------------------------------------------------------------------------------------
    bar = tqdm(total=config.epochs * per_epoch, initial=done, unit="update", disable=not progress, ncols=110)
    for epoch in range(start, config.epochs):
        began = time.perf_counter()
        warming, last = epoch < warmup_epochs, epoch + 1 == config.epochs
        reached = (epoch - warmup_epochs) / (config.epochs - warmup_epochs)
        plan = config.curriculum.plan(max(reached, 0.0), transitions)
        schedule = Schedule(jnp.int32(plan.feedback), jnp.int32(plan.pushes) if plan.pushes else None)
        bar.set_description("warm-up" if warming else f"feedback {plan.feedback}")
        draw.begin(max(reached, 0.0), state["params"], state["rest"])
        losses, steps = [], 0
        for _ in range(per_epoch):
            batch = next(batches)
            if warming:
                state, loss = warm_up(first, scales, state, *batch)
            else:
                state, loss = update(recipe, scales, state, *batch, schedule)
            losses.append(loss)
            steps += batch[0].shape[1] - 1
            bar.update()
        record = _record(epoch, per_epoch, warming, plan, losses, steps)
        if not np.isfinite(record["loss"]):
            bar.close()
            raise _diverged(record["loss"], epoch, best["lowest"].mean())
        due = (epoch + 1) % config.validate_every == 0 or last
        if due and not warming:
            kept = state["ema"] if config.ema else state["params"]
            errors = validate(kept, state["rest"])
            record["validation_error"] = float(errors.mean())
            lowest = min(best["lowest"], errors, key=lambda each: np.nan_to_num(each.mean(), nan=np.inf))
            record["kept"] = no_worse(errors, lowest) or (last and not np.isfinite(lowest).all())
            best["lowest"] = lowest
            if record["kept"]:
                best |= {"params": kept, "rest": state["rest"]}
                best = jax.tree.map(np.array, best)  # copies: the next update donates these buffers
                if folder is not None:
                    save(_with(surrogate, best["params"], best["rest"]), Path(folder) / "model")
        record["seconds"] = time.perf_counter() - began
        records.add(record)
        bar.set_postfix(loss=f"{record['loss']:.4f}", validation=f"{best['lowest'].mean():.4f}")
        if checkpoints is not None and due:
            checkpoints.save(epoch + 1, {"state": state, "best": best})
    bar.close()
    records.close()
    if checkpoints is not None:
        checkpoints.close()
    return _with(surrogate, best["params"], best["rest"])


def _check(surrogate: Surrogate, training: Trajectories, validation: Trajectories, stride: int) -> None:
    """Raise ValueError unless data have a step to learn, and the surrogate's own time step."""
    for trajectories in (training, validation):
        surrogate.problem.check_trajectories(trajectories)
        needed = surrogate.window.history + surrogate.window.bundle
        if trajectories.frames < needed:
            raise ValueError(
                f"{trajectories.source}: expected at least {needed} frames to learn a step, got "
                f"{trajectories.frames}"
            )
        expected, found = surrogate.problem.dt, trajectories.dt
        if abs(found - expected) > 1e-3 * expected:
            raise ValueError(f"{trajectories.source}: expected a time step of {expected:g}, got {found:g}")
    if -(-training.frames // stride) < needed:
        raise ValueError(
            f"augmentation.strides: every {stride}th of {training.frames} frames is too few to learn a step, expected "
            f"at least {needed}"
        )


def _record(
    epoch: int, per_epoch: int, warming: bool, plan: Plan, losses: Sequence[Losses], steps: int
) -> dict[str, Any]:
    """Write down an epoch: its losses are means over all `steps` of its updates."""
    total, prediction, auxiliary = (
        float(jnp.stack(each).sum()) / steps for each in zip(*losses, strict=True)
    )
    return {
        "step": (epoch + 1) * per_epoch,
        "epoch": epoch + 1,
        "phase": "warm-up" if warming else "training",
        "feedback": plan.feedback,
        "pushes": plan.pushes,
        "loss": total,
        "prediction_loss": prediction,
        "auxiliary_loss": auxiliary,
    }


def _diverged(loss: float, epoch: int, best: float) -> Diverged:
    kept = f"the best weights so far (validation error {best:.4g}) are kept"
    return Diverged(
        f"the loss is {loss} in epoch {epoch + 1}; lower optimiser.learning_rate or optimiser.clip; "
        + (kept if np.isfinite(best) else "no epoch before it was validated")
    )


def _with(surrogate: Surrogate, params, rest) -> Surrogate:
    graphdef, own_params, own_rest = nnx.split(surrogate, nnx.Param, ...)
    nnx.replace_by_pure_dict(own_params, jax.tree.map(jnp.asarray, params))
    nnx.replace_by_pure_dict(own_rest, jax.tree.map(jnp.asarray, rest))
    return nnx.merge(graphdef, own_params, own_rest)
