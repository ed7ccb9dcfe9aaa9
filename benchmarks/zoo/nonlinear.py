"""Solvers of the non-linear equations of the zoo, from the public package exponax (extra `zoo`)."""

import exponax
import jax
import jax.numpy as jnp
import numpy as np

_STEPPERS = exponax.stepper


def solver(make, substeps: int = 10):
    """Return the solver that advances with the stepper make(dimension, length, points, dt, values)."""

    def solve(u0, values, equation):
        periodic = equation.boundary == "periodic"
        whole, length = u0, equation.length
        if not periodic:  # zero slope at the walls: an even solution on twice the domain
            length = 2 * length
            for axis in range(1, u0.ndim - 1):
                whole = np.concatenate([whole, np.flip(whole, axis)], axis)
        stepper = make(u0.ndim - 2, length, whole.shape[1], equation.dt / substeps, values)
        rollout = exponax.rollout(
            exponax.RepeatedStepper(stepper, substeps), equation.steps, include_init=True
        )
        channels_first = jnp.asarray(np.moveaxis(whole, -1, 1), jnp.float32)
        frames = np.asarray(jax.jit(jax.vmap(rollout))(channels_first))  # [sample, time, channel, *space]
        frames = np.moveaxis(frames, 2, -1)
        return frames[(slice(None), slice(None), *(slice(n) for n in u0.shape[1:-1]))]

    return solve


def burgers(dimension, length, points, dt, p):
    return _STEPPERS.Burgers(
        dimension, length, points, dt, diffusivity=p["nu"], single_channel=dimension == 1
    )


def korteweg_de_vries(dimension, length, points, dt, p):
    settings = {"dispersivity": p["c"], "diffusivity": 0.05, "hyper_diffusivity": 0.0, "single_channel": True}
    return _STEPPERS.KortewegDeVries(dimension, length, points, dt, **settings)


def fisher(dimension, length, points, dt, p):
    return _STEPPERS.reaction.FisherKPP(dimension, length, points, dt, diffusivity=p["nu"], reactivity=p["r"])


def allen_cahn(dimension, length, points, dt, p):
    return _STEPPERS.reaction.AllenCahn(dimension, length, points, dt, diffusivity=p["nu"])


def swift_hohenberg(dimension, length, points, dt, p):
    return _STEPPERS.reaction.SwiftHohenberg(dimension, length, points, dt, reactivity=p["r"])


def kuramoto_sivashinsky(dimension, length, points, dt, p):
    return _STEPPERS.KuramotoSivashinsky(dimension, length, points, dt, second_order_scale=p["s"])


def gray_scott(dimension, length, points, dt, p):
    return _STEPPERS.reaction.GrayScott(
        dimension,
        length,
        points,
        dt,
        feed_rate=p["F"],
        kill_rate=p["k"],
        diffusivity_1=2e-5,
        diffusivity_2=1e-5,
    )


def kolmogorov(dimension, length, points, dt, p):
    return _STEPPERS.KolmogorovFlowVorticity(
        dimension, length, points, dt, diffusivity=p["nu"], injection_mode=4, injection_scale=1.0, drag=-0.1
    )
