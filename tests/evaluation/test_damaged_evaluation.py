"""A damaged evaluation.json is named."""

import pytest

from cape.evaluation import files


@pytest.mark.parametrize(
    "text", ["[" * 1000, "[]", '{"metrics_version": 2}', '{"metrics_version": 2, "rows": [{}]}']
)
def test_a_damaged_evaluation_is_named(tmp_path, text):
    (tmp_path / "evaluation.json").write_text(text)
    with pytest.raises(ValueError, match="evaluation.json: damaged .*; evaluate again"):
        files.read(tmp_path)
