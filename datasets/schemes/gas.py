"""The variables of an ideal gas, and the flux between two of its states (an approximate Riemann solver).

Arrays are [variable, sample, *space]. Primitive variables w are density ρ, pressure p and velocity v (one component
per axis). Conserved variables q are ρ, energy E = p/(γ − 1) + ρ|v|²/2 and momentum ρv.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from cape.datasets.equations.compressible import GAMMA

DENSITY, PRESSURE, ENERGY, VELOCITY = 0, 1, 1, 2  # positions; VELOCITY is the position of the first component

State = Float[Array, "variable sample *space"]


def conserved(w: State) -> State:
    """Return density, energy and momentum, given density, pressure and velocity."""
    rho, p, v = w[DENSITY], w[PRESSURE], w[VELOCITY:]
    energy = p / (GAMMA - 1) + 0.5 * rho * (v**2).sum(axis=0)
    return jnp.concatenate([jnp.stack([rho, energy]), rho[None] * v])


def primitive(q: State) -> State:
    """Return density, pressure and velocity, given density, energy and momentum."""
    rho, energy = q[DENSITY], q[ENERGY]
    v = q[VELOCITY:] / rho[None]
    p = (GAMMA - 1) * (energy - 0.5 * rho * (v**2).sum(axis=0))
    return jnp.concatenate([jnp.stack([rho, p]), v])


def sound_speed(w: State) -> Float[Array, "sample *space"]:
    """Return the speed of sound, √(γp/ρ)."""
    return jnp.sqrt(GAMMA * w[PRESSURE] / w[DENSITY])


def hllc_flux(left: State, right: State, axis: int) -> State:
    """Return the flux of the conserved variables along an axis, given the primitive states left and right of faces.

    The solution is approximated by two waves and a contact between them (HLLC: Toro, Spruce & Speares 1994). The
    speeds of the waves are those of Einfeldt (1988), which keep density and pressure positive.
    """
    n = VELOCITY + axis
    slowest, fastest = _wave_speeds(left, right, n)
    mass_left = left[DENSITY] * (slowest - left[n])
    mass_right = right[DENSITY] * (fastest - right[n])
    contact = (right[PRESSURE] - left[PRESSURE] + mass_left * left[n] - mass_right * right[n]) / (
        mass_left - mass_right
    )
    from_left = contact >= 0
    w = jnp.where(from_left[None], left, right)
    speed = jnp.where(from_left, slowest, fastest)
    outside = jnp.where(from_left, jnp.minimum(slowest, 0.0), jnp.maximum(fastest, 0.0))
    return _one_sided_flux(w, speed, contact, outside, n)


def _wave_speeds(left: State, right: State, n: int):
    squared_left, squared_right = (GAMMA * w[PRESSURE] / w[DENSITY] for w in (left, right))
    a, b = jnp.sqrt(left[DENSITY]), jnp.sqrt(right[DENSITY])
    share = a / (a + b)
    middle = share * left[n] + (1 - share) * right[n]
    jump = right[n] - left[n]
    squared = share * squared_left + (1 - share) * squared_right + 0.5 * share * (1 - share) * jump**2
    c = jnp.sqrt(squared)
    slowest = jnp.minimum(left[n] - jnp.sqrt(squared_left), middle - c)
    fastest = jnp.maximum(right[n] + jnp.sqrt(squared_right), middle + c)
    return slowest, fastest


def _one_sided_flux(w: State, speed, contact, outside, n: int) -> State:
    """Return F(w) + s (q* − q); s is zero if the state w itself lies on the face."""
    q, v, p = conserved(w), w[n], w[PRESSURE]
    flux = q * v[None]
    flux = flux.at[ENERGY].add(p * v).at[n].add(p)
    squeezed = (speed - v) / (speed - contact)
    star = q.at[n].set(w[DENSITY] * contact)
    star = star.at[ENERGY].add((contact - v) * (w[DENSITY] * contact + p / (speed - v)))
    return flux + outside[None] * (squeezed[None] * star - q)
