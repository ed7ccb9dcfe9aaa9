"""The equations of the zoo in two dimensions."""

import fields
import linear
import nonlinear
from equation import ZooEquation, values

_U, _PLANE, _STEPS = ("u",), (32, 32), 20


TWO_DIMENSIONAL = (
    ZooEquation(
        "gray-scott",
        "uₜ = 2·10⁻⁵ Δu − u v² + F (1 − u), vₜ = 10⁻⁵ Δv + u v² − (F + k) v",
        ("u", "v"),
        _PLANE,
        0.5,
        30.0,
        _STEPS,
        trained=tuple(
            {"F": f, "k": k}
            for f, k in ((0.02, 0.05), (0.03, 0.055), (0.04, 0.06), (0.05, 0.06), (0.03, 0.06))
        ),
        interpolated=({"F": 0.035, "k": 0.058}, {"F": 0.025, "k": 0.054}),
        outside=({"F": 0.06, "k": 0.062}, {"F": 0.015, "k": 0.047}),
        initial=fields.blobs,
        solve=nonlinear.solver(nonlinear.gray_scott, 60),
        finer=2,
    ),
    ZooEquation(
        "advection-diffusion-2d",
        "uₜ + c·∇u = ν Δu",
        _U,
        _PLANE,
        1.0,
        0.1,
        _STEPS,
        trained=tuple(
            {"cx": cx, "cy": cy, "nu": 1e-3}
            for cx, cy in ((1, 0), (0, 1), (0.7, 0.7), (0.5, -0.5), (-0.6, 0.4), (-0.3, -0.8))
        ),
        interpolated=({"cx": 0.8, "cy": 0.3, "nu": 1e-3}, {"cx": -0.4, "cy": -0.2, "nu": 1e-3}),
        outside=({"cx": 1.4, "cy": 0.2, "nu": 1e-3}, {"cx": -1.0, "cy": -1.0, "nu": 1e-3}),
        initial=fields.waves(4),
        solve=linear.exact(linear.advection_diffusion_2d),
    ),
    ZooEquation(
        "burgers-2d",
        "uₜ + (u·∇)u = ν Δu",
        ("u", "v"),
        _PLANE,
        1.0,
        0.05,
        _STEPS,
        values("nu", 0.005, 0.01, 0.03, 0.1),
        values("nu", 0.007, 0.05),
        values("nu", 0.003, 0.3),
        initial=fields.together(fields.waves(3, 0.5), fields.waves(3, 0.5)),
        solve=nonlinear.solver(nonlinear.burgers, 20),
        finer=4,
    ),
    ZooEquation(
        "kolmogorov",
        "ωₜ + u·∇ω = ν Δω − .1 ω + curl f",
        ("w",),
        _PLANE,
        6.283185307179586,
        0.2,
        _STEPS,
        values("nu", 0.01, 0.02, 0.05, 0.1),
        values("nu", 0.015, 0.07),
        values("nu", 0.006, 0.2),
        initial=fields.waves(4, 1.5),
        solve=nonlinear.solver(nonlinear.kolmogorov, 20),
        finer=2,
    ),
)
