"""Draw the gallery: shipped surrogates against the numerical solution, at trained and at other parameter values.

    python docs/figures/gallery.py            # writes docs/figures/gallery/, in some minutes on two cores
    python docs/figures/gallery.py wave1d     # one of them

Initial conditions are new ones. Errors and figures are those of `cape evaluate`. The surrogate of
Gray-Scott gets every second point of the data, as in its training.
"""

import sys
import tempfile
from pathlib import Path

from PIL import Image

import cape
from cape.datasets.simulate.simulation import simulate

FOLDER = Path(__file__).parent / "gallery"
# the equation, its parameter values, further settings of the simulation, and the figures that are kept
SURROGATES = {
    "advection1d": (
        "advection",
        {"beta": "0.1,0.3,0.7,1,2,4,5"},
        {},
        ("error_over_parameter", "space_time"),
    ),
    "burgers1d": (
        "burgers",
        {"Nu": "0.001,0.003,0.007,0.03,0.1,0.4,2,4"},
        {},
        ("error_over_parameter", "space_time"),
    ),
    "kuramotosivashinsky1d": (
        "kuramoto-sivashinsky",
        {"nu": "0.6,0.7,0.8,0.9,1,1.2,1.3,1.5"},
        {},
        ("error_over_parameter", "space_time"),
    ),
    "reactiondiffusion1d": (
        "reaction-diffusion",
        {"Nu": "0.0005,0.001,0.002,0.005,0.02,0.05", "rho": "2,3"},
        {},
        ("error_by_value", "space_time"),
    ),
    "wave1d": (
        "wave",
        {"c": "0.3,0.5,0.7,1,1.5,2,2.6", "gamma": "0.5,1"},
        {},
        ("error_by_value", "space_time_u"),
    ),
    "grayscott2d": (
        "gray-scott-small",
        {"F": "0.026,0.030,0.042,0.058", "k": "0.056,0.0585"},
        {"resolution": 128, "frames": 21, "t_end": 400.0},
        ("error_by_value", "fields_interpolated"),
    ),
    "navierstokes2d": (
        "navier-stokes-eddies",
        {"nu": "0.001,0.0015,0.003,0.006,0.012", "forcing": "0,1,1.5,2"},
        {"resolution": 32, "frames": 21, "t_end": 4.0},
        ("error_by_value", "fields_interpolated"),
    ),
    "cns2d": (
        "compressible2d",
        {"M": "0.1,1", "eta": "0.001,0.003,0.01,0.03,0.1", "zeta": "0.001,0.1"},
        {"resolution": 32, "frames": 21, "t_end": 1.0},
        ("error_by_value", "fields_interpolated"),
    ),
    "reactiondiffusion3d": (
        "reaction-diffusion-3d",
        {"Nu": "0.01,0.02,0.04", "rho": "1,2,3,4"},
        {"resolution": 32, "frames": 11, "t_end": 1.0},
        ("error_by_value", "fields_interpolated"),
    ),
}


def main() -> None:
    """Draw the figures of the surrogates named on the command line, or of all."""
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SURROGATES:
        equation, values, settings, kept = SURROGATES[name]
        with tempfile.TemporaryDirectory() as data:
            simulate(equation, Path(data) / "data", values, samples=4, seed=77, progress=False, **settings)
            report = cape.evaluate(cape.load(name), cape.open(Path(data) / "data"))
        figures = report.figures()
        for figure in kept:
            path = FOLDER / f"{name}-{figure}.png"
            figures[figure].savefig(path, dpi=130)
            Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{name}: {report!r}")


if __name__ == "__main__":
    main()
