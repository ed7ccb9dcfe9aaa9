"""Count the kernels that one call of a compiled program runs, from the program's text."""

import re

# operations that run no kernel
_FREE = {
    "parameter",
    "constant",
    "tuple",
    "get-tuple-element",
    "bitcast",
    "after-all",
    "partition-id",
    "iota",
}
_HEADER = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\) -> .*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.\-]+ = .*? ([a-z][\w\-]*)\((.*)$")
_ITERATIONS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')


def kernels(text: str, iterations: int) -> int:
    """Count kernels (fusions, products, copies, library calls) of an HLO program in XLA's text form.

    The kernels of a loop's body count once for every iteration.

    Args:
        text: `compiled.as_text()`.
        iterations: of every loop whose number of iterations is not in the program, such as the autoregressive steps.

    Raises:
        ValueError: the text is not that of a compiled program.
    """
    computations, entry = _parse(text)

    def count(name: str) -> int:
        total = 0
        for operation, rest in computations[name]:
            if operation == "while":
                known = _ITERATIONS.search(rest)
                times = int(known.group(1)) if known else iterations
                total += times * (count(_called(rest, "body")) + count(_called(rest, "condition")))
            elif operation == "call":
                total += count(_called(rest, "to_apply"))
            elif operation == "conditional":
                total += max(map(count, _branches(rest)))
            elif operation not in _FREE:
                total += 1
        return total

    return count(entry)


def _parse(text: str) -> tuple[dict[str, list[tuple[str, str]]], str]:
    """Split a program into computations; return their instructions as (operation, rest of the line), and the entry."""
    computations, entry, name = {}, "", ""
    for line in text.splitlines():
        if header := _HEADER.match(line):
            name = header.group(2)
            computations[name] = []
            entry = name if header.group(1) else entry
        elif name and (instruction := _INSTRUCTION.match(line)):
            computations[name].append((instruction.group(1), instruction.group(2)))
    if not entry:
        raise ValueError("expected the text of a compiled program, got a text without an ENTRY computation")
    return computations, entry


def _called(rest: str, role: str) -> str:
    return re.search(rf"\b{role}=%?([\w.\-]+)", rest).group(1)


def _branches(rest: str) -> list[str]:
    listed = re.search(r"branch_computations=\{([^}]*)\}", rest)
    if listed:
        return [name.strip().lstrip("%") for name in listed.group(1).split(",")]
    return [_called(rest, "true_computation"), _called(rest, "false_computation")]
