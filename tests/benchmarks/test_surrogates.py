"""Cards that are measured again, and the tables of surrogates and presets in the pages."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import surrogates
from surrogates import CardRow, card_rows, chosen, remeasure, tables

from cape.locate import shipped

PAGE = Path(__file__).parents[2] / "docs" / "surrogates.md"


def test_every_card_has_rows_of_its_errors():
    for folder in shipped().values():
        rows = card_rows((folder / "README.md").read_text(encoding="utf-8"))
        assert len(rows) > 5 and {"seen", "interpolated", "extrapolated"} >= {row.kind for row in rows}
        assert all(0 < row.nrmse < 1 for row in rows)
        assert all(len(row.parameters) == len(rows[0].parameters) for row in rows)
    with pytest.raises(ValueError, match="expected a model card with a table of errors"):
        card_rows("# a card\n\n## Errors\n\nnone\n")


def test_one_value_of_each_kind_is_chosen():
    errors = {"seen": (0.3, 0.1, 0.2), "extrapolated": (0.5,)}
    rows = [CardRow({"c": error}, kind, error) for kind, some in errors.items() for error in some]
    assert [row.nrmse for row in chosen(rows)] == [0.2, 0.5]


def test_errors_far_above_the_card_are_named(monkeypatch, capsys):
    rows = chosen(card_rows((shipped()["advection1d"] / "README.md").read_text(encoding="utf-8")))

    def measured(step_at, truth, training_values, **_):
        assert truth.samples == 2 * len(rows) and truth.resolution == (128,)
        assert truth.initial_conditions.min() >= surrogates.SEED * 1_000_000
        errors = [1.9 * rows[0].nrmse, 2.1 * rows[1].nrmse, float("nan")]
        return SimpleNamespace(
            rows=[
                SimpleNamespace(parameters=row.parameters, kind=row.kind, values={"nRMSE": error})
                for row, error in zip(rows, errors, strict=True)
            ]
        )

    monkeypatch.setattr(surrogates, "SAMPLES", {1: 2})
    monkeypatch.setattr(surrogates, "evaluate", measured)
    failures = remeasure("advection1d")
    assert len(failures) == 2 and failures[0].startswith("advection1d:  beta = 1 (interpolated): nRMSE ")
    assert capsys.readouterr().out.count("on the card") == 3


def test_the_tables_in_the_page_are_current():
    found, text = tables(), PAGE.read_text(encoding="utf-8")
    for mark in ("surrogates", "presets"):
        after = text.partition(f"<!-- {mark} -->\n")[2]
        advice = "run python benchmarks/surrogates.py --into docs/surrogates.md"
        assert after.startswith(found[mark]), advice
