"""A surrogate as data for the page, where small programs of JavaScript and WebAssembly run it.

The page has kernels for what most surrogates of this package are made of: the conditioning `cape` around an FNO in 1D
or a factorised FNO in 1D and 2D, on a periodic grid whose sizes are powers of two. All normalisations of the package
work, and so does an identified equation whose linear part does not couple channels. Reports of other surrogates do not
have this section.
"""

import base64
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
from flax import nnx

from cape.evaluation.evaluation import Example
from cape.html_report.field_data import numbers_to_base64
from cape.identification.terms import axes_of
from cape.model.arrays import count_weights
from cape.model.conditionings.cape import CAPEConfig
from cape.model.normalisation import NORMALISATIONS
from cape.model.normalisations.sample import with_frame_statistics
from cape.solvers.factorised_fno import FactorisedFNOConfig
from cape.solvers.fno import FNOConfig
from cape.surrogate import Surrogate

_MOST_WEIGHTS, _MOST_POINTS = 400_000, 2**14
_MOST_STARTS = 8
_DIMENSIONS: dict[type, tuple[int, ...]] = {FNOConfig: (1,), FactorisedFNOConfig: (1, 2)}
_TYPES = {FNOConfig: "fno", FactorisedFNOConfig: "factorised-fno"}
_NORMALISATIONS = ("sample", "channel", "off")
KERNELS = files("cape.html_report") / "static" / "kernels.wasm"


def live_data(surrogate: Surrogate, examples: Sequence[Example]) -> dict[str, Any] | None:
    """Return weights, settings and initial conditions in a form for JSON, or None if the page cannot run the surrogate.

    Args:
        surrogate: the model.
        examples: the first frames of these are the initial conditions to choose from.
    """
    if reason_against(surrogate) or not examples:
        return None
    if examples[0].truth.shape[1:-1] != surrogate.problem.resolution:
        return None
    weights, index = _weights(surrogate)
    chosen = np.unique(np.linspace(0, len(examples) - 1, _MOST_STARTS).round().astype(int))
    starts = [examples[i] for i in chosen]
    return {
        **_model(surrogate),
        "weights": numbers_to_base64(weights),
        "index": index,
        "kernels": base64.b64encode(KERNELS.read_bytes()).decode(),
        "starts": [
            {
                "parameters": start.parameters,
                "values": numbers_to_base64(np.moveaxis(start.truth[0], -1, 0).astype(np.float32)),
            }
            for start in starts
        ],
    }


def reason_against(surrogate: Surrogate) -> str:
    """Return why the page cannot run a surrogate; empty if it can."""
    problem, config = surrogate.problem, surrogate.config
    dimensions = _DIMENSIONS.get(type(config.base), ())
    equation = surrogate.equation
    coupled = equation is not None and any(
        term.linear and term.factors[0].channel != term.output for term in equation.terms
    )
    reasons = {
        "its conditioning": not isinstance(config.conditioning, CAPEConfig),
        "its base solver": problem.dimension not in dimensions,
        "its boundaries": any(boundary != "periodic" for boundary in problem.boundaries),
        "its grid": any(n & (n - 1) or n < 4 for n in problem.resolution),
        "its size": count_weights(surrogate) > _MOST_WEIGHTS or np.prod(problem.resolution) > _MOST_POINTS,
        "its members": surrogate.members > 1,
        "its history": config.history > 1 or config.bundle > 1,
        "its normalisation": _normalisation(surrogate) not in _NORMALISATIONS,
        "its position channels": config.position_channels,
        "its equation": coupled or (equation is not None and equation.variables != ()),
        "its scale of parameters": bool(problem.scale_low),
        "its adaptation": surrogate.adaptation is not None,
    }
    return ", ".join(name for name, applies in reasons.items() if applies)


def _normalisation(surrogate: Surrogate) -> str:
    return NORMALISATIONS.name_of(type(surrogate.normalisation))


def _weights(surrogate: Surrogate) -> tuple[np.ndarray, dict[str, list]]:
    """Return all weights in one float32 array, and [offset, shape] of each by its dotted name."""
    parts, index, offset = [], {}, 0
    for path, variable in nnx.to_flat_state(nnx.state(surrogate)):
        array = np.asarray(variable[...], np.float32)
        index[".".join(map(str, path))] = [offset, list(array.shape)]
        parts.append(array.ravel())
        offset += array.size
    return np.concatenate(parts), index


def _model(surrogate: Surrogate) -> dict[str, Any]:
    """Return the settings and statistics that a step needs."""
    problem, config = surrogate.problem, surrogate.config
    conditioning, base = config.conditioning, config.base
    normalisation = _normalisation(surrogate)
    inner = with_frame_statistics(problem) if normalisation == "sample" else problem
    assert isinstance(conditioning, CAPEConfig) and isinstance(base, FNOConfig | FactorisedFNOConfig)
    return {
        "channels": problem.channels,
        "parameters": problem.parameters,
        "low": problem.low,
        "high": problem.high,
        "inner_low": inner.low,
        "inner_high": inner.high,
        "clipped": len(problem.parameters),
        "channel_mean": problem.channel_mean,
        "channel_std": problem.channel_std,
        "conserved": problem.conserved,
        "kept": surrogate.conserved,
        "grid": [1, *problem.resolution][-2:],
        "extent": [
            edge
            for start, length, n in zip(problem.origin, problem.length, problem.resolution, strict=True)
            for edge in (start - length / n / 2, start - length / n / 2 + length)
        ],
        "dt": problem.dt,
        "steps": surrogate.trained_steps,
        "normalisation": normalisation,
        "substeps": config.substeps,
        "embedding": conditioning.embedding,
        "hidden_channels": [base.width] * base.layers,
        "base": {
            "type": _TYPES[type(base)],
            "width": base.width,
            "layers": base.layers,
            "projection": base.projection,
            "kernel": base.kernel,
            "expansion": base.expansion if isinstance(base, FactorisedFNOConfig) else 0,
        },
        "equation": _equation(surrogate),
    }


def _equation(surrogate: Surrogate) -> dict[str, Any] | None:
    equation, problem = surrogate.equation, surrogate.problem
    if equation is None:
        return None
    return {
        "basis": equation.basis,
        "coefficients": equation.coefficients,
        "substeps": equation.substeps,
        "growth": equation.growth,
        "error": equation.error,
        "highest": axes_of(problem.boundaries, problem.resolution).highest,
        "terms": [
            {
                "output": term.output,
                "wave": term.wave,
                "odd": term.odd,
                "factors": [
                    {"channel": f.channel, "powers": f.powers, "stream": f.stream} for f in term.factors
                ],
            }
            for term in equation.terms
        ],
    }
