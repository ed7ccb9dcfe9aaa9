"""Adapt a surrogate to a regime that it was never trained on, from a few trajectories."""

import dataclasses
import hashlib
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from cape.adaptation.adaptation import Adaptation, weight_of_regime
from cape.adaptation.candidates import Candidate, search
from cape.adaptation.distillation import learnt_equation
from cape.adaptation.few import Few, checked, read_few
from cape.datasets.fingerprint import fingerprint
from cape.datasets.initial_conditions import ConditionRecord, number_by_content
from cape.datasets.trajectories import Trajectories
from cape.locate import locate, name_without_folder
from cape.model.lineage import Stage
from cape.pretrained import WEIGHTS, load, weight_bytes
from cape.problem import MOST_LISTED_VALUES, Problem
from cape.surrogate import Surrogate

_INSIDE = 0.99  # weight of a regime at its own values


class NothingToAdapt(UserWarning):
    """No candidate predicts the few trajectories better than the surrogate itself."""


def adapt(
    surrogate: Surrogate | str | Path, data: Trajectories, *, everywhere: bool = False, seed: int = 0
) -> Surrogate:
    """Adapt a surrogate to the regime of a few trajectories, without a training; this is `cape.adapt`.

    The weights of the network stay. What is fitted are the coefficients of an equation, one offset each, forces of low
    wave numbers, and the share of the network's correction in each octave of wave numbers. The equation is the one that
    was identified in the training data, or else the one that the network has learnt, found in its own rollouts at the
    trained parameter values. The prior of each coefficient is its expected value at the new parameters; its standard
    deviation is how much the coefficient differs between the trained and the new values. The posterior of the
    coefficients is that of the linearised step; the shares have theirs in closed form. Rollouts on the trajectories
    decide which of these parts are used.

    The result holds in the new regime: at parameters that are nearer to those of the trajectories than to all trained
    ones. It is bitwise the old surrogate at all trained values.

    Args:
        surrogate: what to adapt, or its folder or name (see `cape.load`); with a name, the lineage has it.
        data: trajectories of the regime, such as `cape.open` returns them: at least one, of at least two frames.
        everywhere: the new regime replaces the old one at all parameters. This is needed if the trajectories have
            parameters that were trained on, for example with another force.
        seed: of the random fields that a learnt equation is found with.

    Warns:
        NothingToAdapt: nothing is better than the surrogate itself, which is then returned as it is.

    Raises:
        ValueError: the data do not fit the surrogate (names, equation, domain, grid, time step), hold NaN or infinity,
            or have fewer than two frames; their parameters were trained on, and `everywhere` is not set; the surrogate
            is adapted already, or its steps take several frames.
    """
    name, original = (
        ("", surrogate) if isinstance(surrogate, Surrogate) else (str(surrogate), load(surrogate))
    )
    data = number_by_content(checked(original, data))
    few = read_few(original, data, replaces=everywhere)
    _check_new(original.problem, few, everywhere, data.source)
    equation = original.equation or learnt_equation(original, few.u[:, 0], seed)
    before, found = search(original, equation, few)
    if found is None:
        why = "no candidate" if equation else "no equation was found in the surrogate's steps, so nothing"
        warnings.warn(
            f"{data.source}: {why} predicts these trajectories better than the surrogate itself (nRMSE {before:.3g})",
            NothingToAdapt,
            stacklevel=2,
        )
        return original
    adapted = _with(original, _adaptation(original, few, found, before, everywhere))
    adapted.lineage = (*(original.lineage or _first_stage(name)), _stage(name, original, data))
    record = original.condition_record
    if record is None and original.trained_on is not None:  # saved before version 0.2
        record = ConditionRecord(original.trained_on, "seed", ())
    adapted.trained_on = tuple(sorted({int(number) for number in data.initial_conditions}))
    adapted.condition_record = ConditionRecord.of((data,), record)
    return adapted


def _check_new(problem: Problem, few: Few, everywhere: bool, source: str) -> None:
    """Raise ValueError if a parameter vector of the regime was trained on, unless it replaces the old regime."""
    if everywhere:
        return
    trained = problem.training_values if problem.values else None
    for value in few.values:
        known = (
            not problem.outside(value[None])
            if trained is None
            else np.isclose(trained, value, rtol=1e-5, atol=0.0).all(1).any()
        )
        if known:
            named = ", ".join(f"{n} = {v:g}" for n, v in zip(problem.parameters, value, strict=True))
            raise ValueError(
                f"{source}: the surrogate was trained at {named or 'these parameters'}, and an adapted surrogate keeps "
                "what it knows there; give trajectories at other parameters, or set everywhere (--everywhere), so that "
                "the new regime replaces the old one, such as another force"
            )


def _adaptation(
    original: Surrogate, few: Few, found: Candidate, before: float, everywhere: bool
) -> Adaptation:
    problem, equation = original.problem, found.form.equation
    return Adaptation(
        values=tuple(tuple(map(float, row)) for row in few.values),
        trained=problem.values,
        low=problem.low,
        high=problem.high,
        everywhere=everywhere,
        equation=equation,
        scheme=found.form.scheme,
        conserved=found.form.conserved,
        share=tuple(tuple(map(float, row)) for row in found.share),
        deviation=tuple(map(float, found.deviation)),
        error_before=before,
        error_after=found.error,
    )


def _with(original: Surrogate, adaptation: Adaptation) -> Surrogate:
    """Return a copy with an adaptation, whose problem has the values of both regimes."""
    problem, new = original.problem, np.asarray(adaptation.values)
    values = np.unique(np.concatenate([new, np.reshape(problem.values, (-1, new.shape[1]))]), axis=0)
    low = tuple(map(min, problem.low, new.min(0).tolist()))
    high = tuple(map(max, problem.high, new.max(0).tolist()))
    scale = problem.scale if (low, high) != problem.scale else ((), ())
    listed = problem.values and len(values) <= MOST_LISTED_VALUES
    joined = dataclasses.replace(
        problem,
        low=low,
        high=high,
        values=tuple(map(tuple, values.tolist())) if listed else (),
        scale_low=scale[0],
        scale_high=scale[1],
    )
    adapted = Surrogate(
        joined, original.config, equation=original.equation, adaptation=adaptation, rngs=nnx.Rngs(0)
    )
    nnx.update(adapted, jax.tree.map(jnp.array, nnx.state(original)))
    assert weight_of_regime(adaptation, joined, jnp.asarray(new, jnp.float32)).min() > _INSIDE
    return adapted


def _first_stage(name: str) -> tuple[Stage, ...]:
    """Return the training of a surrogate that was trained once, if its folder records it."""
    from cape.experiment import recorded_settings
    from cape.training.stages import first_stage

    return first_stage(recorded_settings(locate(name))) if name else ()


def _stage(name: str, original: Surrogate, data: Trajectories) -> Stage:
    """Return the adaptation as a stage of the lineage. It has no epochs."""
    content = (locate(name) / WEIGHTS).read_bytes() if name else weight_bytes(original)
    return Stage(
        start=name_without_folder(name) if name else "a surrogate in memory",
        weights_sha256=hashlib.sha256(content).hexdigest(),
        data=tuple(Path(file).name for file in data.fields.names),
        trajectories=data.samples,
        data_sha256=fingerprint(data),
        epochs=0,
    )
