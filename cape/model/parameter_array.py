"""PDE parameters by name or by position as one array."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp


def parameter_array(names: Sequence[str], parameters, batch: int) -> jax.Array:
    """Convert named or positional parameters to an array [batch, parameter], float32.

    Args:
        names: of the parameters, in order.
        parameters: a mapping from every parameter name to a number or an array [batch], or an array
            [parameter] or [batch, parameter] in the order of `names`.
        batch: number of samples; a single value is repeated for all of them.

    Raises:
        ValueError: a name is missing or unknown, or a shape does not fit.
    """
    expected = f"expected parameters {names} for {batch} sample(s)"
    if isinstance(parameters, Mapping):
        missing = [name for name in names if name not in parameters]
        unknown = [str(name) for name in parameters if name not in names]
        if missing or unknown:
            raise ValueError(
                f"{expected}, got {tuple(parameters)}; missing: {', '.join(missing) or 'none'}, unknown: "
                f"{', '.join(unknown) or 'none'}"
            )
        columns = [_numbers(parameters[name], f"{expected}: {name}") for name in names]
        for name, column in zip(names, columns, strict=True):
            if column.shape not in ((), (1,), (batch,)):
                raise ValueError(
                    f"{expected}: {name} must be a number or [{batch}], got shape {column.shape}"
                )
        columns = [jnp.broadcast_to(column.reshape(-1), (batch,)) for column in columns]
        return jnp.stack(columns, -1) if columns else jnp.zeros((batch, 0), jnp.float32)
    array = _numbers(parameters, f"expected parameters {names} by name or as an array")
    width = len(names)
    if array.shape == (width,):
        array = jnp.broadcast_to(array[None], (batch, width))
    if array.shape != (batch, width):
        raise ValueError(f"expected parameters ({batch}, {width}) in the order {names}, got {array.shape}")
    return array


def _numbers(values, what: str) -> jax.Array:
    try:
        return jnp.asarray(values, jnp.float32)
    except (ValueError, TypeError):
        raise ValueError(f"{what}: expected numbers, got {values!r}") from None
