"""Protocols: five measurements in addition to the errors of `evaluate`.

They measure whether a surrogate responds to its parameters (controls, response), and how its error grows away from the
training data (distance, horizon, resolution). Each file holds one protocol with its formulas.
"""

from cape.evaluation.protocols.controls import CONTROLS
from cape.evaluation.protocols.distance import DISTANCE
from cape.evaluation.protocols.horizon import HORIZON
from cape.evaluation.protocols.protocol import Protocol
from cape.evaluation.protocols.resolution import RESOLUTION
from cape.evaluation.protocols.response import RESPONSE
from cape.evaluation.protocols.study import Study as Study

PROTOCOLS: tuple[Protocol, ...] = (CONTROLS, RESPONSE, DISTANCE, HORIZON, RESOLUTION)


def run_protocols(study: Study) -> dict[str, list[dict]]:
    """Run every protocol; return its rows, as JSON takes them, by the protocol's name.

    The rows of a protocol are empty if the data do not allow it: `Protocol.empty` says why.
    """
    return {protocol.name: protocol.run(study) for protocol in PROTOCOLS}
