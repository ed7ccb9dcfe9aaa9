"""Training: the jitted update and `fit`."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from tqdm import tqdm

from cape import objective as objectives
from cape.checkpoint import Checkpoints
from cape.curriculum import Curriculum, Pushforward, TanhTransition
from cape.datasets.batches import batch_indices, steps_per_epoch, stream
from cape.datasets.symmetries import Augmentation, augment, symmetries_of
from cape.datasets.trajectories import Trajectories
from cape.objective import Model, Objective, Schedule
from cape.optimisers import AdamW, Optimiser
from cape.pretrained import save
from cape.records import Records
from cape.rollout import rollout
from cape.surrogate import Surrogate

State = dict[str, Any]


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
    curriculum: Curriculum = TanhTransition()
    optimiser: Optimiser = AdamW()
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
    """Train `surrogate` on `training`; return it with the weights of the lowest validation rollout error.

    With a `folder` it writes `metrics.jsonl`, checkpoints, and at every new best validation the surrogate
    itself (`model/`, see `cape.load`); called again on the same folder it goes on where it was stopped. On a
    CPU the resumed training gives the weights of an uninterrupted one, bit by bit.

    Raises:
        ValueError: the data do not fit the surrogate, or a checkpoint not the configuration.
        Diverged: the loss is no longer finite; the best weights so far are in the folder.
    """
    for trajectories in (training, validation):
        surrogate.problem.check_trajectories(trajectories)
        if trajectories.frames < 2:
            raise ValueError(f"{trajectories.source}: expected at least 2 frames to learn a step, got 1")
        expected, found = surrogate.problem.dt, trajectories.dt
        if abs(found - expected) > 1e-3 * expected:
            raise ValueError(f"{trajectories.source}: expected a time step of {expected:g}, got {found:g}")

    # ---- the model as pure functions, its state as plain arrays ----------------------------------------------
    surrogate.train()
    graphdef, params, rest = nnx.split(surrogate, nnx.Param, ...)
    surrogate.eval()
    model = Model(graphdef)
    per_epoch = steps_per_epoch(training.samples, config.batch)
    warmup_epochs = config.warmup_epochs if hasattr(surrogate.conditioned, "block") else 0
    optimiser = config.optimiser.build((config.epochs - warmup_epochs) * per_epoch, per_epoch)
    warmup = config.warmup.build(max(warmup_epochs, 1) * per_epoch, per_epoch)
    state = initial_state(
        nnx.to_pure_dict(params), nnx.to_pure_dict(rest), optimiser, warmup, averaged=bool(config.ema)
    )
    scale = jnp.asarray(surrogate.problem.channel_std, jnp.float32)
    scale = scale if surrogate.config.normalise else jnp.ones_like(scale)
    update = functools.partial(_update, model, config, scale, optimiser)
    warm_up = functools.partial(_warm_up, model, config, scale, warmup)

    # ---- data, records, and where an earlier training stopped ------------------------------------------------
    checkpoints = None if folder is None else Checkpoints(Path(folder) / "checkpoints")
    start = 0
    best = {"error": np.float32(np.inf), "params": state["params"], "rest": state["rest"]}
    best = jax.tree.map(np.array, best)
    if checkpoints is not None and (newest := checkpoints.newest()) is not None:
        restored = checkpoints.restore(newest, {"state": state, "best": best})
        state, best, start = restored["state"], jax.tree.map(np.array, restored["best"]), newest
    records = Records(folder, from_step=start * per_epoch, tensorboard=config.tensorboard)
    batches = _augmented(
        _batches(training, config, start * per_epoch), surrogate.problem, config, start * per_epoch
    )
    validate = _validator(surrogate, validation, config, scale)

    # ---- epochs ----------------------------------------------------------------------------------------------
    bar = tqdm(
        total=config.epochs * per_epoch,
        initial=start * per_epoch,
        unit="update",
        disable=not progress,
        ncols=110,
    )
    for epoch in range(start, config.epochs):
        began = time.perf_counter()
        warming = epoch < warmup_epochs
        reached = (epoch - warmup_epochs) / (config.epochs - warmup_epochs)
        plan = config.curriculum.plan(max(reached, 0.0), training.frames - 1)
        schedule = Schedule(jnp.int32(plan.feedback), jnp.int32(plan.pushes))
        bar.set_description("warm-up" if warming else f"feedback {plan.feedback}")
        losses = []
        for _ in range(per_epoch):
            batch = next(batches)
            state, loss = warm_up(state, *batch) if warming else update(state, *batch, schedule)
            losses.append(loss)
            bar.update()
        total, prediction, auxiliary = (
            float(jnp.stack(values).mean()) for values in zip(*losses, strict=True)
        )
        record = {
            "step": (epoch + 1) * per_epoch,
            "epoch": epoch + 1,
            "phase": "warm-up" if warming else "training",
            "feedback": plan.feedback,
            "pushes": plan.pushes,
            "loss": total / (training.frames - 1),
            "prediction_loss": prediction / (training.frames - 1),
            "auxiliary_loss": auxiliary / (training.frames - 1),
        }
        if not np.isfinite(total):
            bar.close()
            kept = f"the best weights so far (validation error {best['error']:.4g}) are kept"
            raise Diverged(
                f"the loss is {total} in epoch {epoch + 1}; lower optimiser.learning_rate or optimiser.clip; "
                + (kept if np.isfinite(best["error"]) else "no epoch before it was validated")
            )
        last = epoch + 1 == config.epochs
        if not warming and ((epoch + 1) % config.validate_every == 0 or last):
            kept = state["ema"] if config.ema else state["params"]
            error = validate(kept, state["rest"])
            record["validation_error"] = error
            if error < best["error"] or (last and not np.isfinite(best["error"])):
                best = {"error": np.float32(error), "params": kept, "rest": state["rest"]}
                best = jax.tree.map(np.array, best)  # copies: the next update donates these buffers
                if folder is not None:
                    save(_with(surrogate, best["params"], best["rest"]), Path(folder) / "model")
        record["seconds"] = time.perf_counter() - began
        records.add(record)
        bar.set_postfix(loss=f"{record['loss']:.4f}", validation=f"{float(best['error']):.4f}")
        if checkpoints is not None and ((epoch + 1) % config.validate_every == 0 or last):
            checkpoints.save(epoch + 1, {"state": state, "best": best})
    bar.close()
    records.close()
    if checkpoints is not None:
        checkpoints.close()
    return _with(surrogate, best["params"], best["rest"])


def initial_state(
    params,
    rest,
    optimiser: optax.GradientTransformation,
    warmup: optax.GradientTransformation,
    *,
    averaged: bool,
) -> State:
    """Make the training state: a dictionary of arrays, saved and restored as it is."""
    # copies: an update donates its state, and the module that `params` come from shall live on
    params, rest = jax.tree.map(jnp.array, (params, rest))
    block = params["conditioned"].get("block", {})
    return {
        "step": jnp.int32(0),
        "params": params,
        "rest": rest,
        "optimiser": optimiser.init(params),
        "warmup": warmup.init(block),
        "ema": jax.tree.map(jnp.array, params) if averaged else (),
    }


@functools.partial(jax.jit, static_argnums=(0, 1, 3), donate_argnums=4)
def _update(
    model: Model, config: TrainingConfig, scale, optimiser, state: State, frames, p, schedule: Schedule
):
    """Apply one update of all weights on a batch [batch, time, ...]."""
    key = jax.random.fold_in(jax.random.key(config.seed), state["step"])
    frames = jnp.moveaxis(frames, 1, 0)
    losses, rest, grads = objectives.value_and_gradient(
        config.objective, model, state["params"], state["rest"], frames, p, schedule, key, scale
    )
    changes, moments = optimiser.update(grads, state["optimiser"], state["params"])
    params = optax.apply_updates(state["params"], changes)
    return state | {
        "step": state["step"] + 1,
        "params": params,
        "rest": rest,
        "optimiser": moments,
        "ema": _average(state["ema"], params, config.ema, state["step"]),
    }, losses


@functools.partial(jax.jit, static_argnums=(0, 1, 3), donate_argnums=4)
def _warm_up(model: Model, config: TrainingConfig, scale, optimiser, state: State, frames, p):
    """Apply one update of the conditioning's block alone, on the auxiliary loss."""
    key = jax.random.fold_in(jax.random.key(config.seed), state["step"])
    params = state["params"]

    def objective(block):
        whole = params | {"conditioned": params["conditioned"] | {"block": block}}
        frames_first = jnp.moveaxis(frames, 1, 0)
        return objectives.evaluate_guess(
            config.objective, model, whole, state["rest"], frames_first, p, key, scale
        )

    block = params["conditioned"]["block"]
    (_, (losses, rest)), grads = jax.value_and_grad(objective, has_aux=True)(block)
    changes, moments = optimiser.update(grads, state["warmup"], block)
    block = optax.apply_updates(block, changes)
    params = params | {"conditioned": params["conditioned"] | {"block": block}}
    return state | {
        "step": state["step"] + 1,
        "params": params,
        "rest": rest,
        "warmup": moments,
        "ema": params if config.ema else (),
    }, losses


def _average(average, params, decay: float, step):
    """Move the average of the weights; the first updates count more, so that it forgets where it started."""
    if not decay:
        return ()
    count = step.astype(jnp.float32)
    kept = jnp.minimum(decay, (1.0 + count) / (10.0 + count))
    return jax.tree.map(lambda a, b: kept * a + (1.0 - kept) * b, average, params)


def _batches(
    training: Trajectories, config: TrainingConfig, start: int
) -> Iterator[tuple[jax.Array, jax.Array]]:
    """Yield (frames, parameters) of update `start`, `start + 1`, ...: a pure function of (seed, update)."""
    if config.storage == "stream":
        for _, frames, parameters in stream(training, config.seed, config.batch, start):
            yield jnp.asarray(frames), jnp.asarray(parameters, jnp.float32)
    frames = jnp.asarray(training.read())
    parameters = jnp.asarray(training.parameters, jnp.float32)

    @jax.jit
    def draw(frames, parameters, step):
        chosen = batch_indices(config.seed, step, frames.shape[0], config.batch)
        return frames[chosen], parameters[chosen]

    step = start
    while True:
        yield draw(frames, parameters, step)
        step += 1


def _augmented(batches, problem, config: TrainingConfig, start: int) -> Iterator[tuple[jax.Array, jax.Array]]:
    """Replace the trajectories of every batch by images under the equation's symmetries, where asked for."""
    if not config.augmentation.active:
        return batches
    symmetries = symmetries_of(problem.equation, problem.boundaries)
    speed = problem.length[0] / problem.resolution[0] / problem.dt
    key = jax.random.key(config.seed + 1)

    @jax.jit
    def image(frames, p, step):
        drawn = jax.random.fold_in(key, step)
        names = problem.parameters
        return augment(symmetries, config.augmentation, frames, p, drawn, parameter_names=names, speed=speed)

    return (image(*batch, start + i) for i, batch in enumerate(batches))


def _validator(
    surrogate: Surrogate, validation: Trajectories, config: TrainingConfig, scale
) -> Callable[[Any, Any], float]:
    """Make `validate(params, rest)`: the mean error of all frames of full rollouts over the validation data."""
    truth = validation.read()
    parameters = validation.parameters.astype(np.float32)
    graphdef, _, _ = nnx.split(surrogate, nnx.Param, ...)

    @jax.jit
    def errors(params, rest, truth, p):
        prediction = rollout(nnx.merge(graphdef, params, rest).at(p), truth[:, 0], truth.shape[1] - 1)
        return objectives.frame_errors(config.objective, prediction, truth[:, 1:], scale).mean(1)

    def validate(params, rest) -> float:
        size = min(max(config.batch, 32), len(truth))
        each = []
        for first in range(0, len(truth), size):
            chosen = np.arange(first, first + size) % len(truth)  # the last batch is filled up, then cut
            each.append(np.asarray(errors(params, rest, truth[chosen], parameters[chosen])))
        return float(np.concatenate(each)[: len(truth)].mean())

    return validate


def _with(surrogate: Surrogate, params, rest) -> Surrogate:
    graphdef, own_params, own_rest = nnx.split(surrogate, nnx.Param, ...)
    nnx.replace_by_pure_dict(own_params, jax.tree.map(jnp.asarray, params))
    nnx.replace_by_pure_dict(own_rest, jax.tree.map(jnp.asarray, rest))
    return nnx.merge(graphdef, own_params, own_rest)
