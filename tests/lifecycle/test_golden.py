"""golden_vectors.json holds what its model says, of the texts that matter, and follows its schema."""

import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.conftest import ROOT
from tests.text.test_counts import WHITE_SPACE as CONTRACT_S_WHITE_SPACE
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.golden import FILE, schema_text, write_golden_vectors
from token_approx.lifecycle.golden_texts import MEGABYTE, NOT_WHITE_SPACE, WHITE_SPACE, golden_texts

EXPORTS = sorted(ROOT.glob("output/**/model_coefs.json"))


def vectors_of(coefs: Path) -> list[dict[str, Any]]:
    """Return the golden vectors beside a model_coefs.json."""
    vectors: list[dict[str, Any]] = json.loads(coefs.with_name(FILE).read_bytes())["vectors"]
    return vectors


@pytest.fixture(params=EXPORTS, ids=lambda path: path.parent.name)
def coefs(request: pytest.FixtureRequest) -> Path:
    """Return each committed model_coefs.json in turn."""
    return Path(request.param)


def test_committed_vectors_are_the_model_s(coefs: Path, tmp_path: Path) -> None:
    """Writing the file anew from the committed coefficients and tables gives the committed bytes."""
    for path in coefs.parent.glob("*.json"):
        shutil.copy(path, tmp_path)
    (tmp_path / FILE).unlink()
    write_golden_vectors(tmp_path / coefs.name)
    assert (tmp_path / FILE).read_bytes() == coefs.with_name(FILE).read_bytes()


def test_the_documented_command_writes_them_all(tmp_path: Path) -> None:
    """The command in docs/contract.md writes every export's vectors, from the coefficients as they are."""
    for path in ROOT.glob("output/**/*.json"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.name != FILE:
            shutil.copy(path, copy)
    (command,) = re.findall(r"^    (python -c .*)$", (ROOT / "docs/contract.md").read_text(), re.MULTILINE)
    _, *arguments = shlex.split(command)
    subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True)
    for path in EXPORTS:
        written = tmp_path / path.relative_to(ROOT).with_name(FILE)
        assert written.read_bytes() == path.with_name(FILE).read_bytes()


def test_committed_vectors_follow_the_schema(coefs: Path) -> None:
    """The file is valid, and a field more, a field less or a value of another kind is not."""
    content, schema = json.loads(coefs.with_name(FILE).read_bytes()), json.loads(schema_text())
    jsonschema.validate(content, schema)
    first = content["vectors"][0]
    less = {name: value for name, value in first.items() if name != "linear_sum"}
    for broken in (
        first | {"extra": 1},
        less,
        first | {"estimate": 1.5},
        first | {"text_base64": "no base64"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content | {"vectors": [broken]}, schema)


def test_every_size_class_and_both_answers_to_the_domain_occur(coefs: Path) -> None:
    """Some vector falls in each class of the model's bounds; some text is like the training records."""
    estimator, vectors = Estimator.load(coefs), vectors_of(coefs)
    sums = [max(0.0, vector["linear_sum"]) for vector in vectors]
    for line in (*estimator.upper, *estimator.lower):
        assert any(line.start <= linear_sum < line.end for linear_sum in sums), line
    assert {vector["in_domain"] for vector in vectors} == {True, False}


def test_strings_are_their_bytes(coefs: Path) -> None:
    """A vector's string, as JSON gives it, has the vector's bytes, features, estimate and bounds."""
    estimator, strings = Estimator.load(coefs), 0
    for vector in vectors_of(coefs):
        if "text" in vector:
            text, strings = vector["text"] * vector["times"], strings + 1
            data = base64.b64decode(vector["text_base64"]) * vector["times"]
            assert text.encode("utf-8", "surrogatepass") == data
            assert estimator.features(text).items() <= vector["features"].items()
            assert estimator.estimate(text) == vector["estimate"]
            inside = replace(estimator, domain={})
            assert inside.upper_bound(text) == vector["upper_bound"]["0.95"]
            assert inside.lower_bound(text) == vector["lower_bound"]["0.95"]
            if not vector["in_domain"]:
                assert estimator.upper_bound(text) == vector["byte_bound"]
            assert (not estimator.out_of_domain(text)) == vector["in_domain"]
    assert strings > 100


def test_the_texts_are_the_hard_ones() -> None:
    """Every white space and its impostors, surrogates, invalid UTF-8 and a megabyte are among the texts."""
    texts = golden_texts()
    assert len({golden.name for golden in texts}) == len(texts)
    whole = {golden.text for golden in texts}
    assert list(WHITE_SPACE) == CONTRACT_S_WHITE_SPACE
    assert {chr(code) for code in WHITE_SPACE} <= whole
    assert {f"a{chr(code)}b" for code in (*WHITE_SPACE, *NOT_WHITE_SPACE)} <= whole
    strings = "".join(text for text in whole if isinstance(text, str))
    assert {0, 0x0D, 0x200D, 0xD83D, 0xDE00, 0x10FFFF} <= set(map(ord, strings))
    invalid = [text for text in whole if isinstance(text, bytes)]
    for data in invalid:
        with pytest.raises(UnicodeDecodeError):
            data.decode()
    assert set(b"".join(invalid)) == set(range(256))
    assert max(len(golden.text) * golden.times for golden in texts) >= MEGABYTE


def test_a_string_survives_json() -> None:
    """No text holds a high surrogate before a low one: JSON would join them to another string."""
    for golden in golden_texts():
        if isinstance(golden.text, str):
            assert json.loads(json.dumps(golden.text)) == golden.text


def test_a_model_on_other_features_has_none(tmp_path: Path) -> None:
    """Where the model weighs what no text gives, an earlier model's vectors do not stay beside it."""
    path = tmp_path / "model_coefs.json"
    path.write_text(json.dumps({"model": "m", "feature_set": ["bytes"], "w0": 1.0, "w_bytes": 0.25}))
    write_golden_vectors(path)
    assert vectors_of(path)[0]["upper_bound"] == {}, "no bounds, no levels"
    path.write_text(json.dumps({"model": "m", "feature_set": ["emoji"], "w0": 1.0, "w_emoji": 2.0}))
    write_golden_vectors(path)
    assert not path.with_name(FILE).exists()
