"""Token ends by a tekken.json: where tiktoken's own tokens of that vocabulary end."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from token_approx.errors import InputError
from token_approx.pretraining.tokenizers import tekken


def tekken_json(path: Path, **config: Any) -> Path:  # noqa: ANN401 - values of JSON
    """Write a vocabulary of all bytes, "th" and "the", and " the", which is beyond its size."""
    tokens = [bytes([byte]) for byte in range(256)] + [b"th", b"the", b" the"]
    settings = {"pattern": r" ?\S+|\s+", "default_vocab_size": 268, "default_num_special_tokens": 10}
    vocabulary = [
        {"rank": rank, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for rank, token in enumerate(tokens)
    ]
    path.write_text(json.dumps({"config": settings | config, "vocab": vocabulary}))
    return path


def test_tokens_end_where_the_vocabulary_says(tmp_path: Path) -> None:
    """Tokens are the longest merges of the vocabulary, and those beyond its size are none."""
    ends = tekken(str(tekken_json(tmp_path / "tekken.json")))
    np.testing.assert_array_equal(ends("the the é"), [0, 0, 1, 1, 0, 0, 1, 1, 1, 1])
    larger = tekken(str(tekken_json(tmp_path / "larger.json", default_vocab_size=269)))
    np.testing.assert_array_equal(larger("the the"), [0, 0, 1, 0, 0, 0, 1])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": {}, "vocab": []}'])
def test_another_file_is_refused(content: str, tmp_path: Path) -> None:
    """A file that is no tekken.json is named in one line, and so is one that is not there."""
    path = tmp_path / "other.json"
    with pytest.raises(InputError, match="cannot be read"):
        tekken(str(path))
    path.write_text(content)
    with pytest.raises(InputError, match=r"other\.json is not a tekken\.json"):
        tekken(str(path))
