"""Diffusion at trained and at new viscosities, for the tests of adaptation."""

import exact_equations as exact

TRAINED = [0.002, 0.004, 0.008]
NEW = 0.04


def diffusion(values, *, more: float = 0.0, samples: int = 6):
    """Return u_t = (nu + more) u_xx, with the equation's name "unknown"."""
    u0 = exact.smooth_fields(samples)[..., None]
    u = [exact.linear_solution(lambda k, nu=nu: [[(nu + more) * k**2]], u0) for nu in values]
    return exact.trajectories(u, {"nu": values})
