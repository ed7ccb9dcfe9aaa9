"""What several commands take: files, a surrogate, NAME=VALUE; tyro reads these types."""

from typing import Annotated

import tyro

Files = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")]
Model = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
Texts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE...")]
Paths = Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE...")]
