"""cape infer."""

from pathlib import Path

from cape.commands.options import Model, Paths, Texts
from cape.commands.session import prepare_jax


def infer(
    model: Model,
    /,
    observed: Paths,
    out: str = "",
    noise: tuple[float, ...] = (),
    samples: int = 0,
    frames: tuple[int, ...] = (),
    points_every: int = 1,
    channels: Texts = (),
    bounds: Texts = (),
    known: Texts = (),
    calibration: Paths = (),
    calibrate: bool = True,
    level: float = 0.9,
    plot: bool = False,
    overwrite: bool = False,
) -> None:
    """Find the parameters that explain observed trajectories, each with an interval.

    Args:
        model: folder of a run or of a pretrained surrogate, or the name of a shipped one (`cape models`).
        observed: files or folders with the trajectories. They need no parameters, and those they have are not used.
        out: JSON file to write, with values, intervals, noise, errors and warnings.
        noise: standard deviation of the noise, one or one per channel, in units of the fields; without it, the noise is
            estimated.
        samples: use the first n trajectories of the files; 0 for all.
        frames: numbers of the frames that are compared, 0 for the first; all by default. The first frame is always
            needed: rollouts start from it.
        points_every: use every n-th point along each axis.
        channels: names of the channels that are compared; all by default.
        bounds: where to search, such as Nu=0.001:1; by default the trained range.
        known: parameters that are known, such as k=0.057; all others are sought.
        calibration: files with known parameters that were not used for training. The intervals become as wide as
            these need. Without it, the sample in the model's folder is used if it has enough trajectories.
        calibrate: --no-calibrate takes no sample; the intervals are then as wide as the members of an ensemble differ,
            and usually too wide for a single surrogate.
        level: probability of the intervals.
        plot: also draw the first trajectory, as PNG next to the file (extra `plot`).
        overwrite: replace existing files.
    """
    if plot and not out:
        raise ValueError("--plot draws next to the file that --out names; give --out FILE.json")

    import numpy as np

    from cape.datasets.assignment import numbers
    from cape.datasets.opening import open_files
    from cape.datasets.simulate.writer import refuse_existing
    from cape.figures import style
    from cape.figures.inference_figure import inference_figure
    from cape.figures.prediction_figures import figure_paths
    from cape.parameter_inference.infer import infer as infer_parameters
    from cape.parameter_inference.sample import calibration_sample
    from cape.pretrained import load

    figures = figure_paths(out, plot=plot, animate=False, overwrite=overwrite) if plot else []
    refuse_existing([Path(out)] if out else [], overwrite)
    prepare_jax()
    surrogate, trajectories = load(model), open_files(list(observed))
    if samples < 0:
        raise ValueError(f"--samples: expected 0 (all) or more, got {samples}")
    others = open_files(list(calibration)) if calibration else None
    if others is None and calibrate:
        others = calibration_sample(model, level, float(np.ptp(trajectories.times)))
    found = infer_parameters(
        surrogate,
        trajectories.select(range(min(samples or trajectories.samples, trajectories.samples))),
        noise=(noise[0] if len(noise) == 1 else noise) if noise else None,
        frames_observed=frames or None,
        points_every=points_every,
        channels=channels or None,
        bounds=_bounds(bounds),
        known=numbers(known, "--known"),
        calibration=others,
        level=level,
    )
    print(found)
    if out:
        print(found.write(out))
    for path in figures:
        print(style.save(inference_figure(found), path))


def _bounds(texts: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    """Return {"Nu": (0.001, 1.0)}, given ("Nu=0.001:1",).

    Raises:
        ValueError: a text has another form.
    """
    from cape.datasets.assignment import assignments

    found = {}
    for name, text in assignments(texts, "--bounds").items():
        try:
            low, high = map(float, text.split(":"))
        except ValueError:
            raise ValueError(
                f"--bounds: expected LOW:HIGH of {name}, such as 0.001:1, got {text!r}"
            ) from None
        found[name] = (low, high)
    return found
