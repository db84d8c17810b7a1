"""N-gram tables: every scoring path against a slow oracle, and every refusal of a spoiled file."""

import base64
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from token_approx.text.ngram_costs import BLOCK
from token_approx.text.ngrams import KNUTH, SHORT, NgramTable, TableError
from token_approx.text.table_file import MAX_FILE_BYTES

pytestmark = pytest.mark.usefixtures("each_kernel")

Spoil = Callable[[dict[str, Any]], object]

STRINGS = st.text(st.characters(codec=None), max_size=200)  # lone surrogates included
TEXTS = st.one_of(STRINGS, st.binary(max_size=200), st.text("0123456789 a\n", max_size=50))


def make_table(
    orders: tuple[int, ...], bits: tuple[int, ...], largest: int = 3000, seed: int = 1
) -> NgramTable:
    """Return a table of random weights in -largest..largest."""
    random = np.random.default_rng(seed)
    weights = tuple(random.integers(-largest - 1, largest + 1, 2**width).astype(np.int16) for width in bits)
    return NgramTable("made-up", orders, bits, weights, unit_exponent=10, provenance={"made": "for a test"})


TABLES = {
    "all orders": make_table((1, 2, 3, 4), (8, 10, 9, 11)),
    # Weights so large that a byte's cost overflows 16 bits: the wide path.
    "wide": make_table((1, 2, 3, 4), (8, 10, 9, 11), largest=32767),
    "order 1": make_table((1,), (3,)),
    "order 2": make_table((2,), (12,)),
    "orders 1 and 2": make_table((1, 2), (8, 8), largest=32767),
    "orders 3 and 4": make_table((3, 4), (16, 1)),
    "order 4": make_table((4,), (17,)),
    "digits as they are": replace(make_table((1, 2, 3, 4), (8, 10, 9, 11), seed=2), fold="none"),
    "another multiplier": NgramTable(
        "x", (2, 3), (4, 5), (np.arange(16, dtype="i2"), np.arange(32, dtype="i2")), 0, multiplier=40503
    ),
}


def oracle_costs(table: NgramTable, text: str | bytes, context: bytes = b"") -> list[int]:
    """Return each byte's cost straight from the definition, in Python integers."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    window = b"\n\n\n\n" + context + data
    fold = table.fold == "digits"
    folded = [48 if fold and 48 <= byte <= 57 else byte for byte in window]
    costs = []
    for end in range(len(folded) - len(data) + 1, len(folded) + 1):
        cost = 0
        for order, bits, weights in zip(table.orders, table.bits, table.weights, strict=True):
            key = int.from_bytes(bytes(folded[end - order : end]), "big")
            cost += int(weights[(key * table.multiplier % 2**32) >> (32 - bits)])
        costs.append(cost)
    return costs


@pytest.fixture(params=sorted(TABLES))
def table(request: pytest.FixtureRequest) -> NgramTable:
    """Every set of orders that the scorer treats in its own way."""
    return TABLES[request.param]


def mixed_bytes(size: int) -> bytes:
    """Return bytes in which digits, LF, ASCII and all high bytes are frequent."""
    random = np.random.default_rng(size)
    near_digits, any_byte = random.integers(44, 62, size), random.integers(0, 256, size)
    return np.where(random.random(size) < 0.5, near_digits, any_byte).astype(np.uint8).tobytes()


def test_worked_example() -> None:
    """The sum in the module's docstring is what score computes."""
    table = TABLES["order 2"]
    weights = table.weights[0]

    def at(key: int) -> int:
        return int(weights[(key * KNUTH % 2**32) >> (32 - 12)])

    assert table.score("7a") == at(0x0A30) + at(0x3061)
    assert table.tokens("7a") == table.score("7a") / 1024
    assert table.unit == 1 / 1024


@given(text=TEXTS, context=st.binary(max_size=6), name=st.sampled_from(sorted(TABLES)))
def test_scores_are_the_oracle_s(text: str | bytes, context: bytes, name: str) -> None:
    """For any text, bytes and context: score, tokens and cumulative equal the definition."""
    table = TABLES[name]
    want = oracle_costs(table, text, context)
    assert table.score(text, context) == sum(want)
    assert table.tokens(text, context) == sum(want) / 2**table.unit_exponent
    assert table.cumulative(text, context).tolist() == np.cumsum(want, dtype=np.int64).tolist()


@pytest.mark.parametrize(
    "text",
    ["", "\n", "7", "a", "é", "\ud800", "\ud83d\ude00", "\U0001f600", b"\xff", b"\x00", "0123456789" * 3],
    ids=ascii,
)
def test_named_edge_cases(table: NgramTable, text: str | bytes) -> None:
    """Empty, one byte, digits, broken UTF-8 and lone surrogates (unjoined even in a pair) score right."""
    want = oracle_costs(table, text)
    assert table.score(text) == sum(want)
    assert table.score_many([text, text]).tolist() == [sum(want)] * 2
    assert len(table.cumulative(text)) == len(want)


def test_a_surrogate_is_three_bytes() -> None:
    """A lone surrogate counts as the three bytes of its code point, as `surrogatepass` writes them."""
    assert TABLES["all orders"].score("\ud800") == TABLES["all orders"].score(b"\xed\xa0\x80")


def test_digits_are_folded() -> None:
    """All digits cost the same, in the text and in the context; their neighbours '/' and ':' do not."""
    table = TABLES["all orders"]
    assert table.score("a19", b"7") == table.score("a00", b"0")
    assert len({table.score(mark) for mark in "/0:"}) == 3


@pytest.mark.parametrize(
    "size", [n + d for n in (SHORT, BLOCK) for d in (-4, -1, 0, 1, 2, 3, 4)] + [2 * BLOCK, 2 * BLOCK + 1]
)
def test_around_the_borders(size: int) -> None:
    """Where the short path ends and where blocks meet, every path still equals the oracle."""
    table, data = TABLES["all orders"], mixed_bytes(size)
    want = oracle_costs(table, data, b"x9z")
    assert table.score(data, b"x9z") == sum(want)
    assert np.array_equal(table.cumulative(data, b"x9z"), np.cumsum(want))


def test_every_table_over_several_blocks(table: NgramTable) -> None:
    """The block path, 16 and 32 bits wide and with each set of orders, equals the oracle."""
    data = mixed_bytes(BLOCK + 5000)
    want = oracle_costs(table, data)
    assert table.score(data) == sum(want)
    assert np.array_equal(table.cumulative(data), np.cumsum(want))


@pytest.mark.parametrize("largest", [8191, 32767])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_megabyte_of_one_character_does_not_overflow(largest: int, sign: int) -> None:
    """At the largest weights of the 16-bit and of the wide path, a block's sum stays exact."""
    weights = tuple(np.full(2, sign * largest, np.int16) for _ in range(4))
    table = NgramTable("x", (1, 2, 3, 4), (1, 1, 1, 1), weights, 10)
    size = 2**20
    assert table.score("a" * size) == sign * largest * 4 * size
    assert table.cumulative(b"a" * size)[-1] == sign * largest * 4 * size


def test_the_lowest_weight_is_allowed() -> None:
    """A weight of -32768, whose absolute value does not fit 16 bits, is summed right."""
    table = NgramTable("x", (4,), (1,), (np.full(2, -32768, np.int16),), 10)
    assert table.score(b"a" * 5000) == -32768 * 5000


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_pieces_add_up(data: bytes, cuts: list[int]) -> None:
    """The cost of a text is the sum of its pieces' costs given what stands before them, to the last bit."""
    table = TABLES["all orders"]
    borders = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = pairwise(borders)
    assert sum(table.score(data[first:last], data[:first]) for first, last in pieces) == table.score(data)


def test_large_pieces_add_up(table: NgramTable) -> None:
    """Additivity holds across the short path, one block and several; cumulative has the same sums."""
    data = mixed_bytes(4 * BLOCK)
    borders = [0, 1, SHORT // 2, SHORT + 7, BLOCK + 3, 3 * BLOCK + 11, len(data)]
    parts = [table.score(data[a:b], data[max(0, a - 3) : a]) for a, b in pairwise(borders)]
    assert sum(parts) == table.score(data)
    sums = table.cumulative(data)
    assert np.cumsum(parts).tolist() == [int(sums[border - 1]) for border in borders[1:]]


@given(texts=st.lists(TEXTS, max_size=20))
def test_score_many_is_score_of_each(texts: list[str | bytes]) -> None:
    """Scored together, texts do not see each other: [score(t) for t in texts], empty ones included."""
    table = TABLES["all orders"]
    totals = table.score_many(iter(texts))
    assert totals.dtype == np.int64
    assert totals.tolist() == [table.score(text) for text in texts]


def test_score_many_across_blocks(table: NgramTable) -> None:
    """Long, short and empty texts in one call, with batches that fill a block to the last byte."""
    sizes = [0, 5, BLOCK - 3, 0, BLOCK - 4, 1, 3 * BLOCK, 200, 0, BLOCK, BLOCK // 2 - 3, BLOCK // 2 - 3, 7, 0]
    texts = [mixed_bytes(size) for size in sizes] + [mixed_bytes(size) for size in range(300)]
    assert table.score_many(texts).tolist() == [table.score(text) for text in texts]


def test_threads_do_not_share_buffers() -> None:
    """Eight threads that score different texts with one table get what one thread gets."""
    table = TABLES["all orders"]
    texts = [mixed_bytes(2 * BLOCK + size) for size in range(64)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(table.score, texts)) == [table.score(text) for text in texts]


@pytest.mark.parametrize("call", ["score", "cumulative", "tokens"])
def test_other_types_are_refused(call: str) -> None:
    """A text that is neither str nor bytes is a TypeError that names its type."""
    with pytest.raises(TypeError, match="not int"):
        getattr(TABLES["order 1"], call)(7)


def test_score_many_refuses_one_bare_text() -> None:
    """A str passed to score_many by mistake is not scored character by character."""
    with pytest.raises(TypeError, match="Call score"):
        TABLES["order 1"].score_many("abc")


def test_weights_are_the_table_s_own() -> None:
    """A table's weights are a read-only copy: a later change to the caller's array has no effect."""
    weights = np.arange(4, dtype=np.int16)
    table = NgramTable("x", (1,), (2,), (weights,), 10)
    weights[:] = 0
    assert table.weights[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="read-only"):
        table.weights[0][0] = 1


GOOD: dict[str, Any] = {
    "tokenizer": "x",
    "orders": (1, 3),
    "bits": (1, 2),
    "weights": (np.zeros(2, np.int16), np.zeros(4, np.int16)),
    "unit_exponent": 10,
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tokenizer": ""}, "tokenizer"),
        ({"fold": "case"}, "fold is 'case'"),
        ({"multiplier": 0}, "multiplier"),
        ({"multiplier": 2**32}, "multiplier"),
        ({"unit_exponent": -1}, "unit_exponent"),
        ({"unit_exponent": True}, "unit_exponent is True"),
        ({"provenance": []}, "provenance"),
        ({"orders": (3, 1)}, "orders"),
        ({"orders": (1, 1)}, "orders"),
        ({"orders": (1, 5)}, r"tables\[1\].order is 5"),
        ({"orders": (), "bits": (), "weights": ()}, "orders"),
        ({"bits": (1,)}, "orders, bits, weights"),
        ({"bits": (1, 19)}, r"tables\[1\].bits"),
        ({"bits": (1, 3)}, r"tables\[1\].weights.*\(8,\)"),
        ({"weights": (np.zeros(2), np.zeros(4))}, r"tables\[0\].weights is 'float64"),
    ],
    ids=str,
)
def test_fields_out_of_range_are_refused(change: dict[str, Any], named: str) -> None:
    """Each field of a table that cannot be meant is a TableError that names it."""
    NgramTable(**GOOD)
    with pytest.raises(TableError, match=named):
        NgramTable(**{**GOOD, **change})


def test_round_trip(table: NgramTable, tmp_path: Path) -> None:
    """A saved table loads with equal fields and scores, saves byte-equal, and its file meets the schema."""
    path = tmp_path / "table.json"
    digest = table.save(path)
    loaded = NgramTable.load(path)
    for name in ("tokenizer", "orders", "bits", "unit_exponent", "fold", "multiplier", "provenance"):
        assert getattr(loaded, name) == getattr(table, name)
    assert all(np.array_equal(a, b) for a, b in zip(loaded.weights, table.weights, strict=True))
    assert loaded.score("Round trip, 1234 times") == table.score("Round trip, 1234 times")
    assert loaded.file_sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert NgramTable.load(str(path)).save(tmp_path / "again.json") == digest
    schema = json.loads((files("token_approx.text") / "ngram_table.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(path.read_bytes()), schema, jsonschema.Draft202012Validator)


def test_the_recipe_s_table_fits_a_file(tmp_path: Path) -> None:
    """Bits (8, 16, 17, 18) stay under 1.5 MiB; one bit more is refused and nothing is written."""
    path = tmp_path / "table.json"
    make_table((1, 2, 3, 4), (8, 16, 17, 18)).save(path)
    assert path.stat().st_size <= MAX_FILE_BYTES
    path.unlink()
    with pytest.raises(TableError, match="Take fewer bits"):
        make_table((1, 2, 3, 4), (8, 16, 18, 18)).save(path)
    assert list(tmp_path.iterdir()) == []


def test_save_replaces_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure while writing leaves the old file as it was and no other file beside it."""
    path = tmp_path / "table.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        TABLES["order 1"].save(path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("table.json", "old")]


def test_provenance_must_be_json(tmp_path: Path) -> None:
    """Provenance that JSON cannot hold is refused on saving, not written in some form of its own."""
    for value in (float("nan"), {1, 2}):
        with pytest.raises(TableError, match="provenance"):
            NgramTable(**GOOD, provenance={"found": value}).save(tmp_path / "table.json")


def at(*keys: str | int, put: object) -> Spoil:
    """Return a change that puts a value at a place of the document."""

    def spoil(document: Any) -> None:  # noqa: ANN401 - any JSON value
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = put

    return spoil


def shorten(document: dict[str, Any]) -> None:
    """Halve a table's weights and make the digest fit, so that only the length is wrong."""
    blob = base64.b64decode(document["tables"][0]["weights"])[:-2]
    document["tables"][0]["weights"] = base64.b64encode(blob).decode()
    document["weights_sha256"] = hashlib.sha256(blob).hexdigest()


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (at("schema_version", put=2), "schema_version is 2. .*Upgrade"),
        (at("schema_version", put="1"), "schema_version is '1'"),
        (at("schema_version", put=True), "schema_version is True"),
        (lambda document: document.pop("schema_version"), "schema_version is None"),
        (lambda document: document.pop("tokenizer"), "tokenizer is None. The field is missing"),
        (lambda document: document["tables"][0].pop("bits"), r"tables\[0\].bits is None"),
        (at("colour", put=1), "colour is 1. Schema version 1 has no such field"),
        (at("tables", 0, "colour", put=1), r"tables\[0\].colour"),
        (at("tokenizer", put=3), "tokenizer is 3"),
        (at("multiplier", put=1.5), "multiplier is 1.5"),
        (at("multiplier", put=True), "multiplier is True"),
        (at("multiplier", put=2**40), "multiplier is"),
        (at("fold", put="case"), "fold is 'case'"),
        (at("provenance", put=None), "provenance is None"),
        (at("tables", put={}), "tables is {}"),
        (at("tables", put=[]), "weights_sha256"),
        (at("tables", put=[3]), r"tables\[0\] is 3"),
        (at("tables", 0, "order", put=9), r"tables\[0\].order is 9"),
        (at("tables", 0, "bits", put=4), r"tables\[0\].weights is .*\(16,\)"),
        (at("tables", 0, "weights", put="@@@@"), r"tables\[0\].weights is .*base64"),
        (at("tables", 0, "weights", put="é"), r"tables\[0\].weights is .*base64"),
        (at("tables", 0, "weights", put="AAA"), r"tables\[0\].weights is .*base64"),
        (at("tables", 0, "weights", put="AA=="), r"tables\[0\].weights is '1 bytes'"),
        (at("tables", 0, "weights", put="AAAA" * 4), "weights_sha256 is .*damaged"),
        (shorten, r"tables\[0\].weights is .*\(8,\)"),
    ],
)
def test_spoiled_documents_are_refused(tmp_path: Path, spoil: Spoil, named: str) -> None:
    """Each way a document can be wrong is one TableError naming the file, the field and what was found."""
    path = tmp_path / "spoiled.json"
    TABLES["order 1"].save(path)
    document = json.loads(path.read_bytes())
    spoil(document)
    path.write_text(json.dumps(document))
    with pytest.raises(TableError, match=rf"spoiled\.json: {named}") as caught:
        NgramTable.load(path)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'{"schema_version": NaN}', b"[" * 100_000, b" " * 1_600_000],
)
def test_other_files_are_refused(tmp_path: Path, raw: bytes) -> None:
    """What is no JSON object, or far too large, is one TableError that names the file."""
    path = tmp_path / "other.json"
    path.write_bytes(raw)
    with pytest.raises(TableError, match=r"other\.json: the file is"):
        NgramTable.load(path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    """A path that is not there, or is a folder, is a TableError that names it."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(TableError, match=r"cannot be read .*\. Check the path"):
            NgramTable.load(path)


def test_names_are_shipped_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare name loads package data; an unknown one is refused with the names there are."""
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    (tmp_path / "tables").mkdir()
    TABLES["order 1"].save(tmp_path / "tables" / "made_up.json")
    assert NgramTable.load("made_up").tokenizer == "made-up"
    with pytest.raises(TableError, match=r"'gpt_9'\. The shipped tables are made_up\."):
        NgramTable.load("gpt_9")
