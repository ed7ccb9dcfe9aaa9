"""The figure of an inference: the distance from the estimate of each parameter, and observed and fitted frames."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cape.figures.field_series import evenly
from cape.figures.palette import COLOURS, SHADE
from cape.figures.style import drawing, legend
from cape.problem import is_logarithmic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cape.parameter_inference.inference import Inference

_MOST_FRAMES = 4
_HIGHEST = 4.0  # standard deviations that are drawn on each side
_TICK = 0.2  # height of the ticks at the estimates of the members
_MEMBER: dict[str, Any] = {"marker": "|", "ls": "", "color": COLOURS[2], "ms": 12, "mew": 1.5}


def inference_figure(inference: "Inference", trajectory: int = 0) -> "Figure":
    """Draw the inference of one trajectory; return the figure.

    The first panels show for each sought parameter how far a value is from the estimate, in standard deviations, with
    the interval shaded and ticks at the estimates of the members of an ensemble. The last one shows observed and fitted
    frames of the first channel, over the first axis through the middle of the others.

    Raises:
        ValueError: there is no such trajectory.
        ImportError: matplotlib is not installed.
    """
    if not 0 <= trajectory < inference.trajectories:
        raise ValueError(
            f"trajectory: expected a number from 0 to {inference.trajectories - 1}, got {trajectory}"
        )
    panels = len(inference.values) + 1
    with drawing(3.6 * panels, 3.4) as figure:
        *distances, fields = figure.subplots(1, panels, squeeze=False)[0]
        for axes, name in zip(distances, inference.values, strict=True):
            _draw_distance(axes, inference, name, trajectory)
        distances[0].set_ylabel("distance from the estimate\n(standard deviations)")
        _draw_frames(fields, inference, trajectory)
        if next(iter(inference.members.values())).size:
            fields.plot([], [], label="estimates of the members", **_MEMBER)
        legend(figure, fields)
    return figure


def _draw_distance(axes: "Axes", inference: "Inference", name: str, trajectory: int) -> None:
    profile, estimate = inference.profiles[name], inference.values[name][trajectory]
    low, high = inference.interval[name][trajectory]
    values, distance = profile.values[trajectory], profile.distance[trajectory]
    shown = np.flatnonzero((distance <= 3 * _HIGHEST) | (np.abs(values - estimate) <= high - low))
    first, last = max(shown[0] - 1, 0), min(shown[-1] + 2, len(values))
    label = f"{100 * inference.level:.3g} % interval"
    axes.axvspan(low, high, color=SHADE, zorder=0, label=label)
    axes.plot(values[first:last], distance[first:last], color=COLOURS[0], marker=".")
    axes.axvline(estimate, color=COLOURS[1], lw=1)
    members = inference.members[name][trajectory]
    axes.plot(members, np.full(len(members), _TICK), label="members", **_MEMBER)
    axes.set_ylim(0, _HIGHEST)
    margin = 0.6 * max(high - low, 1e-6 * abs(estimate), 1e-30)
    left, right = max(values[0], low - margin), min(values[-1], high + margin)
    if is_logarithmic(left, right):
        axes.set_xscale("log")
    if left < right:
        axes.set_xlim(left, right)
    axes.set_xlabel(name)
    axes.set_title(f"{name} = {estimate:.4g} ({low:.4g} to {high:.4g})")


def _draw_frames(axes: "Axes", inference: "Inference", trajectory: int) -> None:
    observed, fitted = (_lines(frames[trajectory]) for frames in (inference.observed, inference.fitted))
    x = (np.arange(observed.shape[1]) + 0.5) / observed.shape[1]
    labels: dict[str, Any] = {"observed": "observed", "fitted": "fitted"}
    for number, frame in enumerate(evenly(len(observed), _MOST_FRAMES)):
        colour = COLOURS[number]
        axes.plot(x, observed[frame], ".", color=colour, ms=3, label=labels.pop("observed", None))
        axes.plot(x, fitted[frame], color=colour, lw=1.2, label=labels.pop("fitted", None))
    axes.set_xlabel("position along the first axis")
    axes.set_title(next(iter(inference.noise)) if inference.observed.shape[-1] == 1 else "first channel")


def _lines(frames: np.ndarray) -> np.ndarray:
    """Return the first channel along the first axis, [time, point]."""
    lines = frames[..., 0]
    while lines.ndim > 2:
        lines = lines[..., lines.shape[-1] // 2]
    return lines
