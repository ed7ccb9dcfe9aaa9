"""NAME=VALUE: the form of parameter values on the command line and in presets."""

from collections.abc import Iterable, Mapping, Sequence


def assignments(texts: Iterable[str], where: str) -> dict[str, str]:
    """Return {"Nu": "0.01", "rho": "1"}, given ("Nu=0.01", "rho=1").

    Args:
        where: the option or setting that holds the texts, for messages.

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
    """Return {"Nu": 0.01, "rho": 1.0}, given ("Nu=0.01", "rho=1").

    Args:
        where: the option or setting that holds the texts, for messages.

    Raises:
        ValueError: a text is not NAME=VALUE, a name is given twice, or a value is not a number.
    """
    return {name: _number(value, f"{where}: {name}") for name, value in assignments(texts, where).items()}


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}") from None


def held_out_texts(
    held_out: Mapping[str, float | Sequence[float]] | Sequence[Mapping[str, float]],
) -> tuple[str, ...]:
    """Convert held-out values, or combinations of them, to texts such as "M=1.0,eta=0.1"."""
    if isinstance(held_out, Mapping):
        values = {name: [v] if isinstance(v, int | float) else v for name, v in held_out.items()}
        return tuple(f"{name}={float(value)!r}" for name, column in values.items() for value in column)
    return tuple(
        ",".join(f"{name}={float(value)!r}" for name, value in combination.items())
        for combination in held_out
    )
