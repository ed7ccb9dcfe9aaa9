"""The search for the step of a regime: from the simplest to richer ones, each judged by its rollouts."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from cape.adaptation import conservative_step
from cape.adaptation.adaptation import CONSERVATIVE, SPECTRAL, equation_step
from cape.adaptation.bands import BANDS, blend, posterior_share
from cape.adaptation.few import Few
from cape.adaptation.forces import forces_in
from cape.adaptation.posterior import Form, Posterior, misfit, posterior, residuals
from cape.identification.equation import IdentifiedEquation, coefficients
from cape.identification.terms import Term
from cape.problem import Problem
from cape.surrogate import Surrogate

_BETTER = 0.95  # ratio of errors from which a richer candidate is preferred
_ALIKE = 1.2  # ratio of misfits up to which fewer substeps are as good
_MOST_SUBSTEPS, _MOST_CONSERVATIVE = 64, 512
_COURANT, _FASTER = 0.7, 1.3  # cells in a substep, and how much larger than in the data the fields may be
_FIXED = (
    0.1  # of a coefficient: the standard deviation of the prior of one that is the same at all trained values
)
_TRUST = 0.3  # by how much worse than the network an equation may be on one trajectory
_WIDER = 10.0  # how much wider the prior is if the regime is none of those that the parameters describe
_FEWEST_FOR_OCTAVES = 4  # trajectories


class Candidate(NamedTuple):
    """A step of a regime.

    Attributes:
        form: its equation with the final coefficients, and how that is discretised.
        share: of the network, [channel][octave].
        deviation: of the coefficients.
        error: of rollouts on the few trajectories.
    """

    form: Form
    share: Float[np.ndarray, "channel band"]
    deviation: Float[np.ndarray, " term"]
    error: float


def search(
    surrogate: Surrogate, equation: IdentifiedEquation | None, few: Few
) -> tuple[float, Candidate | None]:
    """Return the error of the surrogate itself, and the best step of the regime; None if none is better.

    Candidates are the equation with the coefficients that the trained values let expect, with their posterior, and with
    forces; in Fourier modes and, where there is transport, as a conservation law; without the network's correction,
    with all of it, with one share of it, and with a share in each octave if there are four trajectories or more. A
    richer candidate has to be better by 5 %. The errors of very few trajectories say little about others. An equation
    is then preferred to the network, which does not know the regime.
    """
    plain = few.error(lambda u, p, steps: surrogate.window.rollout(surrogate.at(p), u[:, None], steps))
    nothing = np.zeros((len(surrogate.problem.channels), BANDS))
    best: Candidate | None = None
    for form in _forms(surrogate.problem, equation, few):
        for changed, deviation in _equations(form, few):
            best = _better(surrogate, few, Candidate(changed, nothing, deviation, np.inf), best)
    if best is None:
        return plain, None
    start = best = _with_enough_substeps(surrogate, few, best)
    shares = [np.ones_like(nothing)] if surrogate.equation is not None else []
    shares += [_fitted_share(surrogate, start.form, few, together) for together in (True, False)]
    for share in shares if few.trajectories >= _FEWEST_FOR_OCTAVES else shares[:-1]:
        best = _better(surrogate, few, start._replace(share=share), best)
    return plain, best if best is not None and best.error < plain * (
        _BETTER + _TRUST / few.trajectories
    ) else None


def _forms(problem: Problem, equation: IdentifiedEquation | None, few: Few) -> list[Form]:
    """Return the discretisations of an equation, each with enough substeps for the data."""
    if equation is None:
        return []
    form = Form(equation, SPECTRAL, few.conserved, problem)
    c = coefficients(equation, problem, jnp.asarray(few.pairs.parameters))
    tried = [equation.substeps]
    while 2 * tried[-1] <= _MOST_SUBSTEPS:
        tried.append(2 * tried[-1])
    misfits = [misfit(few.pairs, form, c, substeps) for substeps in tried]
    enough = next(n for n, m in zip(tried, misfits, strict=True) if not m > _ALIKE * min(misfits))
    forms = [form._replace(equation=dataclasses.replace(equation, substeps=enough))]
    periodic = tuple(boundary == "periodic" for boundary in problem.boundaries)
    if not equation.variables and conservative_step.applies(equation.terms, periodic):
        size = _FASTER * float(np.abs(few.u / np.asarray(problem.channel_std)).max())
        cells = conservative_step.largest_courant(equation.terms, c, size, problem.resolution)
        substeps = int(np.ceil(cells / _COURANT))
        if 1 <= substeps <= _MOST_CONSERVATIVE:
            changed = dataclasses.replace(equation, substeps=substeps)
            forms.insert(0, form._replace(equation=changed, scheme=CONSERVATIVE))
    return forms


def _equations(form: Form, few: Few) -> Iterator[tuple[Form, Float[np.ndarray, " term"]]]:
    """Yield the equation that is expected, that of the posterior, and one with forces, with their deviations."""
    spread = prior_spread(form.equation, form.problem, few.values) * (_WIDER if few.replaces else 1)
    yield form, spread
    found = _posterior(form, few, spread)
    fitted = _with_offsets(form, found)
    yield fitted, found.deviation
    errors = residuals(few.pairs, *_expected(fitted, few), form.equation.substeps)
    periodic = tuple(boundary == "periodic" for boundary in form.problem.boundaries)
    forces = [] if form.equation.variables else forces_in(errors, periodic, form.equation.terms)
    if forces:
        spread = np.concatenate([spread, np.full(len(forces), max(few.change, 1e-6))])
        forced = _with_terms(form, forces)
        found = _posterior(forced, few, spread)
        yield _with_offsets(forced, found), found.deviation


def prior_spread(
    equation: IdentifiedEquation, problem: Problem, new: Float[np.ndarray, "value parameter"]
) -> Float[np.ndarray, " term"]:
    """Return the standard deviation of the prior of each coefficient: how it differs between trained and new values.

    A tenth of its largest size is added, for coefficients that are the same at all of them.
    """
    values = np.concatenate([problem.training_values, new])
    expected = np.asarray(coefficients(equation, problem, jnp.asarray(values, jnp.float32)))
    return expected.std(0) + _FIXED * np.abs(expected).max(0) + 1e-9


def _posterior(form: Form, few: Few, spread: np.ndarray) -> Posterior:
    return posterior(few.pairs, *_expected(form, few), spread, form.equation.substeps)


def _expected(form: Form, few: Few) -> tuple[Form, Array]:
    """Return a form, and the coefficients that its equation has at every pair."""
    return form, coefficients(form.equation, form.problem, jnp.asarray(few.pairs.parameters))


def _with_offsets(form: Form, found: Posterior) -> Form:
    """Add offsets to the part of each coefficient that does not depend on the parameters."""
    rows = [
        (row[0] + float(d), *row[1:]) for row, d in zip(form.equation.coefficients, found.mean, strict=True)
    ]
    changed = dataclasses.replace(form.equation, coefficients=tuple(rows), misfit=float(found.misfit))
    return form._replace(equation=changed)


def _with_terms(form: Form, terms: Sequence[Term]) -> Form:
    nothing = (0.0,) * len(form.equation.coefficients[0])
    changed = dataclasses.replace(
        form.equation,
        terms=(*form.equation.terms, *terms),
        coefficients=(*form.equation.coefficients, *(nothing for _ in terms)),
    )
    return form._replace(equation=changed)


def _better(surrogate: Surrogate, few: Few, tried: Candidate, best: Candidate | None) -> Candidate | None:
    """Return the candidate with its error, if it is better than the best one by enough, and else the best one."""
    found = tried._replace(error=_error(surrogate, few, tried))
    if np.isfinite(found.error) and (best is None or found.error < _BETTER * best.error):
        return found
    return best


def _with_enough_substeps(surrogate: Surrogate, few: Few, best: Candidate) -> Candidate:
    """Double the substeps in Fourier modes as long as rollouts become better."""
    while best.form.scheme == SPECTRAL and 2 * best.form.equation.substeps <= _MOST_SUBSTEPS:
        equation = dataclasses.replace(best.form.equation, substeps=2 * best.form.equation.substeps)
        following = _better(surrogate, few, best._replace(form=best.form._replace(equation=equation)), best)
        if following is best or following is None:
            break
        best = following
    return best


def _fitted_share(
    surrogate: Surrogate, form: Form, few: Few, together: bool
) -> Float[np.ndarray, "channel band"]:
    pairs = few.pairs
    graphdef, state = nnx.split(surrogate)
    found = _both_steps(graphdef, form.shape, state, *map(jnp.asarray, pairs[::2]), *_numbers(form, pairs[2]))
    by_equation, by_network = map(np.asarray, found)
    return posterior_share(pairs.after, by_equation, by_network, form.problem.boundaries, together=together)


def _error(surrogate: Surrogate, few: Few, candidate: Candidate) -> float:
    graphdef, state = nnx.split(surrogate)
    share = jnp.asarray(candidate.share, jnp.float32)

    def rollout(u, p, steps):
        numbers = _numbers(candidate.form, p)
        return _rollout(graphdef, candidate.form.shape, steps, state, u, p, *numbers, share)

    return few.error(rollout)


def _numbers(form: Form, p) -> tuple[Array, Array]:
    p = jnp.asarray(p, jnp.float32)
    return coefficients(form.equation, form.problem, p), jnp.int32(form.equation.substeps)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _both_steps(graphdef, form: Form, state, u, p, c, substeps):
    surrogate = nnx.merge(graphdef, state)
    return _steps(surrogate, form, surrogate.prepare(p), u, c, substeps)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _rollout(graphdef, form: Form, steps: int, state, u0, p, c, substeps, share):
    surrogate = nnx.merge(graphdef, state)
    prepared = surrogate.prepare(p)

    def step(u):
        both = _steps(surrogate, form, prepared, u, c, substeps)
        return blend(*both, share, form.problem.boundaries)

    return surrogate.window.rollout(step, u0[:, None], steps)


def _steps(surrogate: Surrogate, form: Form, prepared, u, c, substeps):
    """Return the step of the equation, and that of the network."""
    after = equation_step(form.equation, form.scheme, form.conserved, form.problem, u, c, substeps)
    if surrogate.equation is None:
        return after, surrogate.predict(u, prepared).next
    return after, surrogate.corrected(after, prepared[1]).next
