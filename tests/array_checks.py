"""The type checker of the tests: beartype, for annotations that mention an array."""

from collections.abc import Callable

from beartype import beartype
from jaxtyping import AbstractArray


def check_arrays(function: Callable) -> Callable:
    """Check shapes and dtypes of the arrays that a function is called with and returns.

    Other annotations are left to the type checker: tests of error messages pass wrong values on purpose.
    """
    annotations = getattr(function, "__annotations__", {})
    function.__annotations__ = {name: hint for name, hint in annotations.items() if _mentions_array(hint)}
    return beartype(function)


def _mentions_array(hint: object) -> bool:
    if isinstance(hint, str):
        return "[Array," in hint or "[np.ndarray," in hint
    if isinstance(hint, type) and issubclass(hint, AbstractArray):
        return True
    return any(_mentions_array(part) for part in getattr(hint, "__args__", ()))
