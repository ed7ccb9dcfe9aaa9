"""The five public protocols by name."""

import itertools

import initial
import numpy as np
import simulators
from protocol import Kind, Protocol, drawn

_INSIDE = 1.5  # aim inside the trained range: at most this times the best published error


def _combined() -> Protocol:
    whole = ((0.0, 1.0), (0.0, 0.4), (0.0, 1.0))
    return Protocol(
        "combined",
        "uₜ + ∂ₓ(α u² − β uₓ + γ uₓₓ) = 0",
        ("alpha", "beta", "gamma"),
        ("u",),
        points=(128,),
        length=16.0,
        times=0.2 * np.arange(21),
        trained=drawn(0, 32, *whole),
        samples=4,
        kinds={
            "inside": Kind(drawn(1, 24, *whole), 0.0074, _INSIDE),
            "outside": Kind(drawn(2, 24, (1.068, 1.758), *whole[1:]), 0.008),
        },
        tested=2,
        initial=initial.sines,
        solve=simulators.combined,
        published_samples=12_000,
        finer=4,
    )


def _waves() -> Protocol:
    return Protocol(
        "waves",
        "uₜₜ = c² Δu − k uₜ, u = 0 at the walls",
        ("c", "k"),
        ("u", "v"),
        points=(64, 64),
        length=64.0,
        times=2e-3 * np.arange(30),
        trained=drawn(0, 16, (100, 500), (0, 50)),
        samples=2,
        kinds={
            "inside": Kind(drawn(1, 12, (100, 500), (0, 50)), 0.114, _INSIDE),
            "outside": Kind(drawn(2, 12, (500, 550), (50, 60)), 0.157),
        },
        tested=2,
        initial=initial.gaussians,
        solve=simulators.waves,
        published_samples=12_000,
        boundary="wall",
        epochs=4,
    )


def _vorticity() -> Protocol:
    return Protocol(
        "vorticity",
        "ωₜ + u·∇ω = ν Δω",
        ("nu",),
        ("w",),
        points=(128, 128),
        length=2 * np.pi,
        times=np.linspace(0, 2, 30),
        trained=drawn(0, 6, (1e-3, 1e-2)),
        samples=1,
        kinds={
            "inside": Kind(drawn(1, 4, (1e-3, 1e-2)), 0.035, _INSIDE),
            "outside": Kind(drawn(2, 4, (1e-5, 1e-4)), 0.288),
        },
        tested=1,
        initial=initial.eddies,
        solve=simulators.flow,
        published_samples=12_000,
        finer=2,
        epochs=3,
    )


def _forced() -> Protocol:
    between = [*(1e-5 * np.array([2, 3, 4, 6, 7, 8, 9])), *(1e-4 * np.array([2, 3, 4, 6, 7, 8, 9]))]
    above = 1e-3 * np.arange(2, 10)
    strengths = (1.0, 2.0, 3.0)

    def pairs(viscosities) -> np.ndarray:
        """Pair each viscosity with one of the three strengths in turn."""
        return np.array(list(zip(viscosities, itertools.cycle(strengths))))

    return Protocol(
        "forced-flow",
        "ωₜ + u·∇ω = ν Δω + .1 s (sin 2π(x + y) + cos 2π(x + y))",
        ("nu", "forcing"),
        ("w",),
        points=(64, 64),
        length=1.0,
        times=0.5 * np.arange(20),
        trained=np.array(list(itertools.product(1e-5 * np.array([1, 5, 10, 50, 100]), strengths))),
        samples=1,
        kinds={
            "inside": Kind(pairs(between), 0.0089, _INSIDE),
            "outside: viscosity": Kind(pairs(above), 0.011),
            "outside: forcing": Kind(np.array([(1e-5, s) for s in (0.5, 1.5, 2.5, 3.5)]), 0.103),
        },
        tested=1,
        initial=initial.vorticity,
        solve=simulators.flow,
        published_samples=15_000,
        finer=2,
        epochs=4,
        position_channels=True,
    )


def _gray_scott() -> Protocol:
    return Protocol(
        "gray-scott",
        "Aₜ = .204 ΔA − A B² + F (1 − A), Bₜ = .102 ΔB + A B² − (F + k) B",
        ("F", "k"),
        ("A", "B"),
        points=(32, 32),
        length=64.0,
        times=10.0 * np.arange(20),
        trained=drawn(0, 8, (0.023, 0.045), (0.059, 0.064)),
        samples=6,
        kinds={
            "inside": Kind(drawn(1, 12, (0.023, 0.045), (0.059, 0.064)), 0.028, _INSIDE),
            "outside": Kind(drawn(2, 12, (0.045, 0.0467), (0.057, 0.059)), 0.033),
        },
        tested=2,
        initial=initial.spots,
        solve=simulators.reaction,
        published_samples=12_000,
        finer=2,
        epochs=6,
    )


PROTOCOLS = {p.name: p for p in (_combined(), _waves(), _vorticity(), _forced(), _gray_scott())}
