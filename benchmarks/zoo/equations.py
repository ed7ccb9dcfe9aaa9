"""The equations of the zoo."""

import fields
import linear
import nonlinear
from equation import ZooEquation


def _one(name: str, *values: float) -> tuple[dict[str, float], ...]:
    return tuple({name: value} for value in values)


def _ks_initial(rng, samples, points, length):
    """Return developed states of the Kuramoto-Sivashinsky equation at s = 1: 40 time units after smooth waves."""
    spin_up = ZooEquation("", "", ("u",), points, length, 20.0, 2, (), (), (), fields.waves(8), None)
    u0 = fields.waves(8)(rng, samples, points, length)
    return nonlinear.solver(nonlinear.kuramoto_sivashinsky, 400)(u0, {"s": 1.0}, spin_up)[:, -1]


_U, _LINE, _PLANE = ("u",), (96,), (32, 32)
_STEPS = 20

EQUATIONS = {
    equation.name: equation
    for equation in (
        ZooEquation(
            "advection-diffusion", "uₜ + c uₓ = ν uₓₓ", _U, _LINE, 1.0, 0.05, _STEPS,
            trained=tuple({"c": c, "nu": nu} for c in (0.5, 1.0, 2.0) for nu in (1e-4, 1e-3)),
            interpolated=({"c": 0.7, "nu": 3e-4}, {"c": 1.5, "nu": 3e-4}),
            outside=({"c": 3.0, "nu": 1e-3}, {"c": 0.25, "nu": 3e-5}),
            initial=fields.waves(6), solve=linear.exact(linear.advection_diffusion),
        ),
        ZooEquation(
            "dispersion", "uₜ = c uₓₓₓ", _U, _LINE, 20.0, 0.1, _STEPS,
            _one("c", 0.3, 0.8, 1.0, 1.3), _one("c", 0.5), _one("c", 0.1, 2.0),
            initial=fields.waves(5), solve=linear.exact(linear.dispersion),
        ),
        ZooEquation(
            "hyper-diffusion", "uₜ = −μ uₓₓₓₓ", _U, _LINE, 20.0, 0.1, _STEPS,
            _one("mu", 0.02, 0.1, 0.2, 1.0), _one("mu", 0.05, 0.5), _one("mu", 0.005, 4.0),
            initial=fields.waves(6), solve=linear.exact(linear.hyper_diffusion),
        ),
        ZooEquation(
            "burgers", "uₜ + u uₓ = ν uₓₓ", _U, _LINE, 1.0, 0.05, _STEPS,
            _one("nu", 0.002, 0.005, 0.02, 0.1), _one("nu", 0.003, 0.01, 0.05), _one("nu", 0.001, 0.3),
            initial=fields.waves(4, 0.6), solve=nonlinear.solver(nonlinear.burgers, 20),
        ),
        ZooEquation(
            "kdv", "uₜ = 6 u uₓ − c uₓₓₓ + .05 uₓₓ", _U, _LINE, 20.0, 0.1, _STEPS,
            _one("c", 0.3, 0.8, 1.0, 1.3), _one("c", 0.5), _one("c", 1.7, 2.0),
            initial=fields.waves(3, 0.5), solve=nonlinear.solver(nonlinear.korteweg_de_vries, 20),
        ),
        ZooEquation(
            "fisher-kpp", "uₜ = ν uₓₓ + r u (1 − u)", _U, _LINE, 10.0, 0.25, _STEPS,
            trained=tuple({"nu": nu, "r": r} for nu in (0.01, 0.03, 0.1) for r in (0.5, 1.5)),
            interpolated=({"nu": 0.02, "r": 1.0}, {"nu": 0.06, "r": 0.8}),
            outside=({"nu": 0.2, "r": 1.0}, {"nu": 0.02, "r": 2.5}),
            initial=fields.positive(5, 0.0, 0.6), solve=nonlinear.solver(nonlinear.fisher),
        ),
        ZooEquation(
            "allen-cahn", "uₜ = ν uₓₓ + u − u³", _U, _LINE, 10.0, 0.25, _STEPS,
            _one("nu", 0.01, 0.03, 0.1, 0.2), _one("nu", 0.02, 0.06), _one("nu", 0.006, 0.4),
            initial=fields.waves(6, 0.6), solve=nonlinear.solver(nonlinear.allen_cahn),
        ),
        ZooEquation(
            "swift-hohenberg", "uₜ = r u − (1 + ∂ₓₓ)² u + u² − u³", _U, _LINE, 60.0, 0.5, _STEPS,
            _one("r", 0.1, 0.3, 0.7, 1.0), _one("r", 0.2, 0.5), _one("r", 0.02, 1.5),
            initial=fields.waves(14, 0.4), solve=nonlinear.solver(nonlinear.swift_hohenberg, 20),
        ),
        ZooEquation(
            "kuramoto-sivashinsky", "uₜ = −½ uₓ² − s uₓₓ − uₓₓₓₓ", _U, (100,), 40.0, 0.5, _STEPS,
            _one("s", 0.8, 1.0, 1.1), _one("s", 0.9), _one("s", 0.7, 1.2),
            initial=_ks_initial, solve=nonlinear.solver(nonlinear.kuramoto_sivashinsky, 20),
        ),
        ZooEquation(
            "wave", "uₜ = v, vₜ = c² uₓₓ", ("u", "v"), _LINE, 1.0, 0.05, _STEPS,
            _one("c", 0.43, 0.83, 1.27, 1.97), _one("c", 0.61, 1.59), _one("c", 0.27, 2.63),
            initial=fields.together(fields.waves(4), fields.zero), solve=linear.exact(linear.wave),
        ),
        ZooEquation(
            "damped-wave", "uₜ = v, vₜ = c² uₓₓ − γ v", ("u", "v"), _LINE, 1.0, 0.05, _STEPS,
            trained=tuple({"c": c, "gamma": gamma} for c in (0.5, 1.0, 2.0) for gamma in (0.5, 2.0)),
            interpolated=({"c": 0.7, "gamma": 1.0}, {"c": 1.5, "gamma": 1.0}),
            outside=({"c": 2.6, "gamma": 1.0}, {"c": 1.0, "gamma": 4.0}),
            initial=fields.together(fields.waves(4), fields.zero), solve=linear.exact(linear.damped_wave),
        ),
        ZooEquation(
            "wave-walls", "uₜ = v, vₜ = c² uₓₓ, walls", ("u", "v"), (64,), 1.0, 0.05, _STEPS,
            _one("c", 0.43, 0.83, 1.27, 1.97), _one("c", 0.61, 1.59), _one("c", 0.27, 2.63),
            initial=fields.even(fields.together(fields.waves(6), fields.zero)),
            solve=linear.exact(linear.wave), boundary="wall",
        ),
        ZooEquation(
            "fisher-kpp-walls", "uₜ = ν uₓₓ + r u (1 − u), walls", _U, (64,), 10.0, 0.25, _STEPS,
            trained=tuple({"nu": nu, "r": r} for nu in (0.02, 0.05, 0.15) for r in (0.5, 1.5)),
            interpolated=({"nu": 0.03, "r": 1.0}, {"nu": 0.1, "r": 0.8}),
            outside=({"nu": 0.3, "r": 1.0}, {"nu": 0.03, "r": 2.5}),
            initial=fields.even(fields.positive(8, 0.0, 0.6)),
            solve=nonlinear.solver(nonlinear.fisher), boundary="wall",
        ),
        ZooEquation(
            "gray-scott", "uₜ = 2·10⁻⁵ Δu − u v² + F (1 − u), vₜ = 10⁻⁵ Δv + u v² − (F + k) v",
            ("u", "v"), _PLANE, 1.0, 30.0, _STEPS,
            trained=tuple({"F": f, "k": k} for f, k in ((0.02, 0.05), (0.03, 0.055), (0.04, 0.06), (0.05, 0.06), (0.03, 0.06))),
            interpolated=({"F": 0.035, "k": 0.058}, {"F": 0.025, "k": 0.054}),
            outside=({"F": 0.06, "k": 0.062}, {"F": 0.015, "k": 0.047}),
            initial=fields.blobs, solve=nonlinear.solver(nonlinear.gray_scott, 60),
        ),
        ZooEquation(
            "advection-diffusion-2d", "uₜ + c·∇u = ν Δu", _U, _PLANE, 1.0, 0.1, _STEPS,
            trained=tuple({"cx": cx, "cy": cy, "nu": 1e-3} for cx, cy in ((1, 0), (0, 1), (0.7, 0.7), (0.5, -0.5), (-0.6, 0.4), (-0.3, -0.8))),
            interpolated=({"cx": 0.8, "cy": 0.3, "nu": 1e-3}, {"cx": -0.4, "cy": -0.2, "nu": 1e-3}),
            outside=({"cx": 1.4, "cy": 0.2, "nu": 1e-3}, {"cx": -1.0, "cy": -1.0, "nu": 1e-3}),
            initial=fields.waves(4), solve=linear.exact(linear.advection_diffusion_2d),
        ),
        ZooEquation(
            "burgers-2d", "uₜ + (u·∇)u = ν Δu", ("u", "v"), _PLANE, 1.0, 0.05, _STEPS,
            _one("nu", 0.005, 0.01, 0.03, 0.1), _one("nu", 0.007, 0.05), _one("nu", 0.003, 0.3),
            initial=fields.together(fields.waves(3, 0.5), fields.waves(3, 0.5)),
            solve=nonlinear.solver(nonlinear.burgers, 10),
        ),
        ZooEquation(
            "kolmogorov", "ωₜ + u·∇ω = ν Δω − .1 ω + curl f", ("w",), _PLANE, 6.283185307179586, 0.2, _STEPS,
            _one("nu", 0.01, 0.02, 0.05, 0.1), _one("nu", 0.015, 0.07), _one("nu", 0.006, 0.2),
            initial=fields.waves(4, 1.5), solve=nonlinear.solver(nonlinear.kolmogorov, 20),
        ),
    )
}
