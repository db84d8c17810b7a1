"""A dataset knows what its labels count, and never mixes different things."""

import json
from pathlib import Path
from typing import Any

import pytest

from token_approx.errors import InputError
from token_approx.fitting.dataset import read_dataset

LABELLED = {"counter": "anthropic", "counts_of": "one-user-message", "framing": "keep"}


def write(folder: Path, *labels: dict[str, Any]) -> str:
    """Write one record for each of the labels and return the file's path."""
    lines = [
        json.dumps(
            {"id": str(n), "model": "m", "input_tokens": 9, "features": {"bytes": 9}, "source": "s"} | label
        )
        for n, label in enumerate(labels)
    ]
    (folder / "r.jsonl").write_text("\n".join(lines))
    return str(folder / "r.jsonl")


@pytest.mark.parametrize(
    ("label", "counts_of"),
    [
        ({}, None),
        (LABELLED, "one-user-message"),
        (LABELLED | {"framing": "subtract", "framing_tokens": 7}, "text"),
        (LABELLED | {"counter": "bpe_openai", "counts_of": "text"}, "text"),
    ],
)
def test_what_labels_count_comes_from_the_records(
    tmp_path: Path, label: dict[str, Any], counts_of: str | None
) -> None:
    """What they count, and without its framing a message counts as its text alone does."""
    assert read_dataset("custom", write(tmp_path, label, label)).counts_of == counts_of


def test_different_counts_are_not_mixed(tmp_path: Path) -> None:
    """Six tokens more or less would look like noise."""
    path = write(tmp_path, LABELLED, LABELLED | {"framing": "subtract", "framing_tokens": 7})
    with pytest.raises(InputError, match=r"count different things \(one-user-message, text\)"):
        read_dataset("custom", path)
