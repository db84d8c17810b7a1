"""ctok's counter and token ends, by a Python that it runs on, and the errors where there is none."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.ctok_python import needs_ctok, printed, run
from token_approx.errors import InputError
from token_approx.pretraining.ctok import ctok
from token_approx.pretraining.pieces import Bytes
from token_approx.pretraining.store import EndsStore

TEXTS = [
    "hello, world",
    "NASA likes “tokenizers”  don't\n\n日本 größe ⟨x⟩ \U00012000b e\u0301",
    "",
    " \n\n",
    "x = 12345\n",
]


@needs_ctok
def test_the_counter_counts_as_published() -> None:
    """The counts of ctok's documentation, with the message's frame and without, by the version in a name."""
    counts = printed(
        """
from token_approx.labelling.counters.ctok import CtokCounter
models = "claude-3-7-sonnet", "claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-4-20250514", "claude_4_7"
print(json.dumps([CtokCounter(model, counts_of).count(TEXTS[:1])[0]
    for model in models
    for counts_of in ("one-user-message", "text")]))
""",
        TEXTS=TEXTS,
    )
    assert counts == [10, 3, 15, 4, 10, 4, 10, 3, 15, 4]


@needs_ctok
@pytest.mark.parametrize("version", ["3.0", "4.8"])
def test_token_ends_are_ctok_s_tokens(version: str) -> None:
    """A text has as many token ends as ctok counts tokens without the frame, over exactly its bytes."""
    rows = printed(
        f"""
from ctok import tokenize
from token_approx.pretraining.ctok import ctok
ends = ctok({version!r})
def own(text):
    return sum(token != "⟨pad⟩" for token in tokenize(text, {version!r}))
print(json.dumps([[int(ends(text).sum()), ends(text).size, own(text)] for text in TEXTS if text]))
""",
        TEXTS=TEXTS,
    )
    assert isinstance(rows, list)
    assert [row[0] for row in rows] == [row[2] for row in rows]
    assert [row[1] for row in rows] == [len(text.encode()) for text in TEXTS if text]


@needs_ctok
@pytest.mark.parametrize("model", ["gpt-5", "claude-2.1", "claude-instant"])
def test_other_models_are_refused(model: str) -> None:
    """A model that ctok does not know is named in one line with an example of one that it knows."""
    done = run(
        "from token_approx.labelling.counters.ctok import CtokCounter\n"
        "from token_approx.errors import InputError\n"
        f"try: CtokCounter({model!r})\nexcept InputError as error: print(error)"
    )
    assert f"not for model={model}. Give a name" in done.stdout


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python is new enough for ctok")
def test_an_older_python_is_told_so(tmp_path: Path) -> None:
    """Below Python 3.12 the counter and the tokenizer say so in one line; a store is read all the same."""
    with pytest.raises(InputError, match=r"needs Python 3\.12 or newer, and this is 3\.11"):
        importlib.import_module("token_approx.labelling.counters.ctok")
    with pytest.raises(
        InputError, match=r"needs Python 3\.12 or newer, and this is 3\.11\. .*tokenizer\.store"
    ):
        ctok("4.8")("hello")
    path = str(tmp_path / "ends.npz")

    def find(text: str) -> Bytes:
        return np.ones(len(text), np.uint8)

    store = EndsStore(path, "ctok 4.8", find)
    store("hello")
    store.save()
    assert ctok("4.8", path)("hello").tolist() == [1] * 5
