"""Power spectra of truth and prediction at several times: which scales a surrogate keeps, damps or adds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from cape.evaluation import spectra
from cape.evaluation.evaluation import Example
from cape.figures.box import lengths
from cape.figures.field_series import PREDICTION, TRUTH, evenly
from cape.figures.style import NOTE_TEXT, drawing, log_axis, time_colours

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = {TRUTH: "-", PREDICTION: "--"}
_FLOOR = 1e-9  # of the largest power of the truth: lower power is round-off of float32
_UNIFORM = 1e-13  # power over that of the mean up to which a field is uniform, but for round-off


def spectrum_panels(examples: Sequence[Example], moments: int = 3) -> "Figure":
    """Draw the spectra of examples, one row per parameter value and one column per quantity; return the figure.

    Quantities are the kinetic energy, if the channels hold a velocity, and the other channels. The truth is solid, the
    prediction dashed, and the colour is the time. The mean over space, shell 0, is left out. The formulas are in
    cape/evaluation/spectra.py.

    Args:
        examples: any number in one to three dimensions, with the same channels and times.
        moments: number of times, evenly spaced, including the last one and excluding the given frames.

    Raises:
        ValueError: no examples.
        ImportError: matplotlib is not installed.
    """
    if not examples:
        raise ValueError("no examples to draw spectra of: evaluate with examples=True")
    first = examples[0]
    given = first.given
    chosen = [given + i for i in evenly(len(first.times) - given, moments + 1)][-moments:]
    lines = [(_quantities(e, e.truth[chosen]), _quantities(e, e.prediction[chosen])) for e in examples]
    names = list(lines[0][0])
    alone = len(names) == 1  # the parameter values are then side by side
    shape = (1, len(lines)) if alone else (len(lines), len(names))
    with drawing(0.8 + 3.0 * max(shape[1], 2), 0.9 + 2.5 * shape[0]) as figure:
        grid = figure.subplots(*shape, squeeze=False)
        grid = grid.T if alone else grid
        colours = time_colours(len(chosen))
        for line, example, (truth, prediction) in zip(grid, examples, lines, strict=True):
            for axes, name in zip(line, names, strict=True):
                _draw_spectra(axes, truth[name], prediction[name], colours, _resolved(example))
                _set_limits(axes, truth[name], prediction[name])
        _label(grid, [example.caption for example in examples], names)
        handles = [grid[0, 0].plot([], [], color="k", ls=ls, label=k)[0] for k, ls in _LINES.items()]
        handles += [
            grid[0, 0].plot([], [], color=c, lw=4, label=f"t = {first.times[i]:.4g}")[0]
            for c, i in zip(colours, chosen, strict=True)
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _label(grid: np.ndarray, captions: Sequence[str], names: Sequence[str]) -> None:
    """Label the rows with parameter values and the columns with quantities; of a single quantity, each panel."""
    waves = "waves per side of the domain"
    if len(names) == 1:
        for axes, caption in zip(grid[:, 0], captions, strict=True):
            axes.set_title(caption.replace(" (", "\n("), fontsize=NOTE_TEXT)
            axes.set_xlabel(waves)
        grid[0, 0].set_ylabel(f"power of {names[0]}")
        return
    for axes, name in zip(grid[0], names, strict=True):
        axes.set_title(name)
    for axes, caption in zip(grid[:, 0], captions, strict=True):
        value = caption.replace(", ", "\n").replace(" (", "\n(")
        axes.set_ylabel(f"{value}\n\npower", fontsize=NOTE_TEXT)
    for axes in grid[-1]:
        axes.set_xlabel(waves)


def _draw_spectra(axes, truth: np.ndarray, prediction: np.ndarray, colours, shells: int) -> None:
    """Draw spectra [time, shell] of one quantity, shells 1 to the lowest Nyquist wave number."""
    r = np.arange(1, min(shells, truth.shape[1]))
    for known, guess, colour in zip(truth, prediction, colours, strict=True):
        axes.plot(r, known[r], color=colour, lw=2.6, alpha=0.45)
        axes.plot(r, guess[r], color=colour, lw=1.3, ls="--")


def _set_limits(axes, truth: np.ndarray, prediction: np.ndarray) -> None:
    """Fit a panel to the truth, with room for a prediction with up to a hundred times more or less power.

    If the truth is uniform at all times, the panel says so and is fitted to the prediction, unless that is uniform too.
    """
    shown, least = truth[:, 1:], _UNIFORM * truth[:, 0].max()
    if shown.max(initial=0.0) <= least:
        shown = prediction[:, 1:]
        both = shown.max(initial=0.0) <= least
        note = "truth and prediction are uniform" if both else "the truth is uniform"
        axes.text(0.5, 0.9, note, transform=axes.transAxes, ha="center", fontsize=NOTE_TEXT)
        if both:
            axes.set(xticks=[], yticks=[], ylim=(1, 2))  # the lines, at 0, are below
            return
    top = shown.max(initial=0.0) or 1.0
    drawn = np.concatenate([line.get_ydata() for line in axes.get_lines()])
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    low, high = (drawn.min(), drawn.max()) if drawn.size else (top, top)
    low, high = max(low, _FLOOR * top, shown[shown > 0].min(initial=top) / 100), min(high, 100 * top)
    axes.margins(x=0.02)
    log_axis(axes, "x")
    axes.set(yscale="log", ylim=(low / 2, high * 3))


def _quantities(
    example: Example, frames: Float[np.ndarray, "time *space channel"]
) -> dict[str, Float[np.ndarray, "time shell"]]:
    """Return the spectra of the kinetic energy and of every channel that is no velocity; NaN if not finite."""
    box = lengths(example.coordinates)
    velocity = spectra.velocity_channels(example.channel_names, len(box))
    found = {}
    if velocity:
        found["kinetic energy"] = spectra.kinetic_energy_spectrum(frames, box, example.channel_names)
    power = spectra.power_spectrum(frames, box)
    others = [i for i in range(frames.shape[-1]) if i not in velocity]
    return found | {example.channel_names[i]: power[..., i] for i in others}


def _resolved(example: Example) -> int:
    """Return the number of shells that the grid resolves."""
    return spectra.resolved_shells(example.truth.shape[1:-1], lengths(example.coordinates))
