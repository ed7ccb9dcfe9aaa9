"""Draw the diagrams of the theory pages: `python docs/figures/diagrams.py` writes three SVG files here."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from cape.figures.palette import KIND_COLOURS
from cape.training.config import TrainingConfig

FOLDER = Path(__file__).parent
FILL = {"given": "#e8eaf6", "fixed": "#fff3e0", "trained": "#e0f2f1", "result": "#e8eaf6"}
EDGE = {"given": "#3f51b5", "fixed": "#b26a00", "trained": "#00796b", "result": "#3f51b5"}


def box(axes: Axes, x: float, y: float, width: float, text: str, kind: str, height: float = 0.8) -> None:
    """Draw a box around its centre."""
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.1"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, fc=FILL[kind], ec=EDGE[kind], lw=1.2)
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=9.5)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], text: str = "") -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": "#444444", "lw": 1.2, "shrinkA": 0}
    )
    if text:
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        axes.text(x + 0.08, y, text, fontsize=9, va="center", ha="left", color="#444444")


def step() -> Figure:
    """Draw one step of a surrogate."""
    figure = Figure(figsize=(9.4, 4.1), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 12.2), ylim=(0.1, 5.3), aspect="equal")
    axes.axis("off")
    box(axes, 0.75, 1.6, 1.2, "u(t)", "given")
    box(axes, 2.75, 1.6, 1.7, "identified\nequation", "fixed")
    box(axes, 4.9, 1.6, 1.6, "normalise", "fixed")
    box(axes, 7.0, 1.6, 1.6, "propagator\nheads", "trained")
    box(axes, 9.1, 1.6, 1.6, "base\nsolver", "trained")
    box(axes, 11.3, 1.6, 1.5, "u(t + Δt)", "result")
    box(axes, 5.9, 4.6, 3.2, "parameters p", "given")
    box(axes, 9.1, 3.2, 1.6, "attention", "trained")
    for start, end in ((1.35, 1.9), (3.6, 4.1), (5.7, 6.2), (7.8, 8.3), (9.9, 10.55)):
        arrow(axes, (start, 1.6), (end, 1.6))
    arrow(axes, (4.7, 4.2), (2.95, 2.0), "coefficients")
    arrow(axes, (6.6, 4.2), (7.0, 2.0), "speeds and\ndiffusions")
    arrow(axes, (7.5, 4.5), (8.7, 3.6), "  log p")
    arrow(axes, (9.1, 2.8), (9.1, 2.0), "gains, offsets")
    axes.plot([7.0, 7.0, 11.3], [1.2, 0.5, 0.5], color="#444444", lw=1.2)
    arrow(axes, (11.3, 0.5), (11.3, 1.2))
    axes.text(9.1, 0.6, "first guess", ha="center", va="bottom", fontsize=9, color="#444444")
    axes.text(10.2, 1.75, "+", ha="center", fontsize=12, color="#444444")
    for x, (kind, text) in enumerate((("fixed", "without weights"), ("trained", "trained weights"))):
        box(axes, 0.35 + 0.0, 4.9 - 0.5 * x, 0.35, "", kind, 0.3)
        axes.text(0.65, 4.9 - 0.5 * x, text, va="center", fontsize=9)
    return figure


def heads() -> Figure:
    """Draw what a head does to a wave packet, and how speed and diffusion depend on the parameter."""
    figure = Figure(figsize=(8.6, 2.9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    x, k = np.arange(512) / 512, np.fft.rfftfreq(512, 1 / 512)
    u = np.exp(-(((x - 0.2) / 0.035) ** 2))
    left.plot(x, u, color="#888888", label="v(t)")
    shades = matplotlib.colormaps["viridis"]([0.1, 0.5, 0.85])
    for p, colour in zip((0.5, 1.0, 2.0), shades, strict=True):
        s, d = 0.25 * p, 4e-4 * p
        after = np.fft.irfft(np.fft.rfft(u) * np.exp(-2j * np.pi * k * s - (2 * np.pi * k) ** 2 * d), 512)
        left.plot(x, after, color=colour, label=f"head, p = {p:g}")
    left.set(xlabel="x / length", yticks=[], title="a head moves and diffuses the field")
    left.legend(frameon=False, fontsize=8)
    p = np.linspace(0, 2.4, 50)
    right.axvspan(0.5, 1.6, color="#eeeeee", label="trained range")
    right.plot(p, 0.04 + 0.23 * p, color=KIND_COLOURS["seen"], label="displacement s(p)")
    right.plot(p, 0.02 + 0.1 * p, color=KIND_COLOURS["extrapolated"], label="diffusion d(p)")
    right.set(xlabel="p", yticks=[], xticks=[], title="both are affine in p")
    right.legend(frameon=False, fontsize=8)
    return figure


def curriculum() -> Figure:
    """Draw which inputs are predictions over the training, as the default curriculum plans them."""
    figure = Figure(figsize=(8.6, 2.8), layout="constrained")
    axes = figure.subplots()
    transitions, progress = 20, np.linspace(0, 1, 400, endpoint=False)
    plan = TrainingConfig().curriculum.plan
    first_true = np.array([plan(s, transitions).autoregressive for s in progress])
    axes.set(xlim=(0, 1), ylim=(-0.5, transitions - 0.5), facecolor=FILL["given"])
    axes.fill_between(progress, 0.5, first_true - 0.5, step="post", color="#26a69a", lw=0)
    axes.text(0.3, 10, "true frames: teacher forcing", ha="center", va="center", color=EDGE["given"])
    axes.text(0.93, 6, "predictions", ha="center", va="center", color="white", fontsize=9)
    axes.set(xlabel="progress s of the training", ylabel="input frame")
    axes.set_yticks([0, 5, 10, 15])
    return figure


def main() -> None:
    matplotlib.rcParams["svg.hashsalt"] = "cape"  # the same file each time
    for draw in (step, heads, curriculum):
        draw().savefig(FOLDER / f"{draw.__name__}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
