"""NAME=VALUE: how parameter values are named on the command line and in presets."""

from collections.abc import Iterable


def assignments(texts: Iterable[str], where: str) -> dict[str, str]:
    """Read ("Nu=0.01", "rho=1") as {"Nu": "0.01", "rho": "1"}.

    Args:
        where: name of the option or setting, for messages.

    Raises:
        ValueError: a text is not NAME=VALUE, or a name is given twice.
    """
    values: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise ValueError(f"{where}: expected NAME=VALUE, such as Nu=0.01, got {text!r}")
        if name in values:
            raise ValueError(f"{where}: {name} is given twice, {values[name]} and {value}")
        values[name] = value
    return values


def numbers(texts: Iterable[str], where: str) -> dict[str, float]:
    """Read ("Nu=0.01", "rho=1") as {"Nu": 0.01, "rho": 1.0}; errors as in `assignments`, or not a number."""
    return {name: _number(value, f"{where}: {name}") for name, value in assignments(texts, where).items()}


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}") from None
