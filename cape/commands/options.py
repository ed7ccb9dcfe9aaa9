"""Types of arguments that several commands share; tyro reads them."""

from typing import Annotated

import tyro

Files = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE...")]
Model = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
Texts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE...")]
Paths = Annotated[tuple[str, ...], tyro.conf.arg(metavar="FILE...")]
