"""What a protocol is."""

from collections.abc import Callable
from dataclasses import dataclass

from cape.evaluation.protocols.study import Study


@dataclass(frozen=True)
class Protocol:
    """A measurement of a one-step map that gives one table.

    Attributes:
        name: key in evaluation.json.
        run: study -> rows of the table, as JSON takes them; no rows if the data do not allow the protocol.
        title: of the table. A name in braces stands for that entry of the first row.
        empty: the line printed in place of a table without rows.
    """

    name: str
    run: Callable[[Study], list[dict]]
    title: str
    empty: str
