"""What a file does not say, asked for in one message that shows the call with the blanks to fill in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from cape.datasets.names import printable_around

BLANK = "..."


class Unanswered(ValueError):
    """A file does not say all that is needed.

    Args:
        path: the file.
        found: what was found in it.
        missing: what is missing, one phrase each.
        call: the arguments of `cape.open`, as source code, that were given or guessed; those to fill in hold BLANK.
            Without any, no answer can help.
    """

    def __init__(self, path: str, found: str, missing: Sequence[str], call: Mapping[str, str]):
        super().__init__(path, found, tuple(missing), dict(call))
        self.path, self.found, self.missing, self.call = path, found, tuple(missing), dict(call)

    def __str__(self) -> str:
        data = "dataset" if self.path.startswith("<") else repr(self.path)
        arguments = ", ".join([data, *(f"{name}={code}" for name, code in self.call.items())])
        return self._with(f"cape.open({arguments})")

    def command(self) -> str:
        """Return the message with the command that converts the file instead of the call."""
        options = [_option(name, code) for name, code in self.call.items()]
        return self._with(f"cape import {self.path} {' '.join(options)} --out FOLDER")

    def found_as(self, found: str) -> Unanswered:
        """Return the same question with other words on what was found."""
        return Unanswered(self.path, found, self.missing, self.call)

    def _with(self, call: str) -> str:
        what = f"{self.path}: {self.found}. Missing: {'; '.join(self.missing)}"
        return printable_around(
            self.path, f"{what}. Fill in the blanks ({BLANK}): {call}" if self.call else what
        )


def _option(name: str, code: str) -> str:
    """Return an argument of `cape.open` as an option of `cape import`."""
    if name == "parameters":
        pairs = re.findall(r'"([^"]*)": (?:"([^"]*)"|([^,}]+))', code)
        text = " ".join(f'"{key}={a or b}"' if " " in key + a else f"{key}={a or b}" for key, a, b in pairs)
        return f"--parameter {text or f'NAME={BLANK}'}"
    listed = re.fullmatch(r"\[(.*)\]", code)
    values = re.sub(r'[",]', "", listed[1]) if listed else code
    return f"--{name.replace('_', '-')} {values}"
