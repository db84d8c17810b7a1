"""Features reach records whose texts are elsewhere, and only where the text is the one that was counted."""

from pathlib import Path

import pandas as pd
import pytest

from token_approx.benchmarks.measuring import (
    PUBLISHED_SIZES,
    REBUILT,
    measure_corpora,
    measure_published,
)
from token_approx.errors import InputError
from token_approx.fitting.dataset import read_corpus
from token_approx.labelling.records import Record, read_records, write_records
from token_approx.preparing.splitting import clean, gutenberg
from token_approx.text.features import BASIC, FEATURES, features

BOOK = "\n\n".join(f"Chapter {n}. " + f"It was a dark night, number {n}. " * 300 for n in range(12))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Write records of a book's samples with their basic counts, and one of another source."""
    (tmp_path / "book.txt").write_text(BOOK)
    rows = [features(sample) for sample in gutenberg(clean(BOOK), *PUBLISHED_SIZES)]
    records = [
        Record(id=f"book-{n}", model="m", input_tokens=9, source="book", features={k: row[k] for k in BASIC})
        for n, row in enumerate(rows)
    ]
    records.append(Record(id="x", model="m", input_tokens=9, source="other", features={"bytes": 3.0}))
    path = tmp_path / "records.jsonl"
    write_records(path, records)
    return path


def change(path: Path, number: int, by: int) -> None:
    """Change one record's bytes and runes."""
    records = read_records(path)
    counts = dict(records[number].features)
    changed = counts | {"bytes": counts["bytes"] + by, "runes": counts["runes"] + by}
    records[number] = records[number].model_copy(update={"features": changed})
    write_records(path, records)


def test_published_records_get_all_features(published: Path, tmp_path: Path) -> None:
    """Records of a book that is there get its samples' features; others stay as they are."""
    before = read_records(published)
    said = measure_published(str(published), str(tmp_path))
    assert f"{len(before) - 1} of {len(before)} records measured, 0 of them" in said
    after = read_records(published)
    rows = [features(sample) for sample in gutenberg(clean(BOOK), *PUBLISHED_SIZES)]
    assert [dict(record.features) for record in after[:-1]] == rows
    assert after[-1] == before[-1]
    assert all(record.note is None for record in after)


def test_a_sample_that_differs_slightly_is_noted(published: Path, tmp_path: Path) -> None:
    """Within five bytes the published counts stay and the record says so; beyond, the book is refused."""
    change(published, 1, by=2)
    counts = read_records(published)[1].features["bytes"]
    measure_published(str(published), str(tmp_path))
    noted = read_records(published)[1]
    assert noted.note == REBUILT
    assert noted.features["bytes"] == counts
    assert set(noted.features) == set(FEATURES)
    change(published, 1, by=9)
    with pytest.raises(InputError, match="Use the edition"):
        measure_published(str(published), str(tmp_path))
    with pytest.raises(InputError, match="holds no book"):
        measure_published(str(published), str(tmp_path / "nowhere"))


def test_corpora_become_records_without_text(tmp_path: Path) -> None:
    """A split of two corpora is measured and loads as a dataset whose sources are the corpora's groups."""
    frame = pd.DataFrame(
        {"id": list("abc"), "category": ["x_y", "x_y", "z"], "family": ["x", "x", "z"], "group": list("ppq"),
         "split": ["test", "train", "test"], "text": ["hello secret", "b", "c d"]}
        | {"o200k_base": [3, 1, 2]}
    )  # fmt: skip
    paths = [str(tmp_path / name) for name in ("one.parquet", "two.parquet")]
    for path in paths:
        frame.to_parquet(path)
    more = tmp_path / "more.parquet"
    rows = [
        (corpus, name, n)
        for n, (corpus, name) in enumerate([("two", "c"), ("one", "c"), ("two", "a"), ("one", "a")])
    ]
    pd.DataFrame(rows, columns=["corpus", "id", "claude_3"]).to_parquet(more)
    out = tmp_path / "out" / "corpus.parquet"
    said = measure_corpora(paths, "test", ["o200k_base"], [str(more)], str(out))
    assert said.endswith("4 rows of 2 corpora, split test")
    assert read_corpus("corpus", str(out), "claude_3").tokens.tolist() == [3, 1, 2, 0]
    assert b"secret" not in out.read_bytes()
    pd.DataFrame(rows[1:], columns=["corpus", "id", "claude_3"]).to_parquet(more)
    with pytest.raises(InputError, match="1 documents have no count, the first is 'c' of two"):
        measure_corpora(paths, "test", ["o200k_base"], [str(more)], str(out))
    dataset = read_corpus("corpus", str(out), "o200k_base")
    assert dataset.tokens.tolist() == [3, 2, 3, 2]
    assert dataset.names == FEATURES
    assert dataset.sources.tolist() == ["one p", "one q", "two p", "two q"]
    assert dataset.categories[1] == "one z"
    assert dict(dataset.features.iloc[0]) == features("hello secret")


def test_bad_corpora(tmp_path: Path) -> None:
    """No paths, no file, no such split, no such column: one clear error each."""
    with pytest.raises(InputError, match="Give documents="):
        measure_corpora([], "test", [], [], "x")
    with pytest.raises(InputError, match="cannot be read"):
        measure_corpora([str(tmp_path / "none.parquet")], "test", [], [], "x")
    with pytest.raises(InputError, match="Measure the corpora again"):
        read_corpus("c", str(tmp_path / "none.parquet"), "o200k_base")
