"""`token-approx truncate` and `split`: the bytes that they print are the text's."""

import json
from pathlib import Path

import pytest

from tests.commands.conftest import Run
from tests.conftest import ROOT
from token_approx import Estimator
from token_approx.estimator import cutting

MODEL = Estimator.for_model("o200k_base")
TEXT = (ROOT / "README.md").read_bytes()


def test_truncate_prints_the_beginning(run: Run) -> None:
    """As the estimator truncates it; what fits is printed whole, and nothing is said."""
    for text in (TEXT, TEXT.replace(b"\n", b"\xff\n")):
        done = run("truncate", "--limit", 500, stdin=text)
        assert done.stdout == MODEL.truncate(text, 500)
        assert done.returncode == 0
        most = MODEL.upper_bound(done.stdout)
        unsure = cutting.unsure(MODEL, [done.stdout], 500, 0.95)
        kept = f"{len(done.stdout):,} of {len(text):,} bytes were kept"
        told = [f"{kept}.", unsure] if unsure else [f"{kept}: at most {most:,} tokens."]
        assert done.stderr.decode().splitlines() == told
    done = run("truncate", "--limit", 10**6, ROOT / "README.md", "--model", "claude_3")
    assert (done.stdout, done.stderr) == (TEXT, b"")


def test_split_to_json_lines(run: Run) -> None:
    """One object per piece, in which bytes that are no UTF-8 survive."""
    text = TEXT.replace(b"\n", b"\xff\n")
    done = run("split", "--size", 500, "--overlap", 50, "--confidence", "0.8", stdin=text)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    pieces = MODEL.split(text, 500, overlap=50, confidence=0.8)
    assert [row["text"].encode("utf-8", "surrogateescape") for row in rows] == pieces
    assert [row["tokens"] for row in rows] == [MODEL.estimate(piece) for piece in pieces]
    assert [row["upper_bound"] for row in rows] == [MODEL.upper_bound(piece, 0.8) for piece in pieces]
    unsure = cutting.unsure(MODEL, pieces, 500, 0.8)
    told = [f"The text was cut into {len(pieces)} pieces.", *([unsure] if unsure else [])]
    assert sorted(done.stderr.decode().splitlines()) == sorted(told)


def test_split_with_nul(run: Run) -> None:
    """A NUL ends each piece, so that nothing in a text can be taken for its end."""
    pieces = run("split", "--size", 500, "-0", stdin=TEXT).stdout.split(b"\0")
    assert pieces == [*MODEL.split(TEXT, 500), b""]


@pytest.mark.parametrize("name", ["book.txt", "-"])
def test_split_to_files(run: Run, tmp_path: Path, name: str) -> None:
    """Their names are printed, in order; files that are there are not overwritten."""
    (tmp_path / "book.txt").write_bytes(TEXT)
    done = run("split", "--size", 500, "--out", "pieces", name, stdin=TEXT)
    paths = done.stdout.decode().splitlines()
    stem, suffix = ("book", ".txt") if name == "book.txt" else ("standard_input", "")
    assert paths == [f"pieces/{stem}.{number:03}{suffix}" for number in range(1, len(paths) + 1)]
    assert [(tmp_path / path).read_bytes() for path in paths] == MODEL.split(TEXT, 500)
    (tmp_path / paths[0]).unlink()
    again = run("split", "--size", 500, "--out", "pieces", name, stdin=TEXT)
    assert again.returncode == 1
    assert again.stderr.decode() == f"error: {paths[1]} exists already. Give another --out, or remove it.\n"
    assert not (tmp_path / paths[0]).exists()


def test_what_cannot_be_cut(run: Run, tmp_path: Path) -> None:
    """One line and an exit code of 1, or 64 where the options contradict each other."""
    (tmp_path / "file").write_text("x")
    for arguments, code, message in (
        (
            ["split", "--size", "1"],
            1,
            "size=1 is too small: the upper bound of its first character alone is 2 tokens",
        ),
        (
            ["truncate", "--limit", "0"],
            1,
            "limit=0 is too small: the upper bound of its first character alone is 2",
        ),
        (
            ["split", "--size", "9", "--overlap", "9"],
            1,
            "overlap=9 is not a number of tokens from 0 to 4, half of size",
        ),
        (
            ["split", "--size", "9", "-0", "--out", "x"],
            64,
            "Invalid value: --null and --out cannot be given together.",
        ),
        (["split", "--size", "0"], 64, "Invalid value for '--size'"),
        (["split"], 64, "Missing option '--size'"),
        (["truncate", "--limit", "9", "."], 1, ". cannot be read (Is a directory)"),
        (
            ["split", "--size", "9", "--out", "file"],
            1,
            "file/standard_input.001 cannot be written (File exists)",
        ),
    ):
        done = run(*arguments, stdin=b"words")
        assert (done.returncode, done.stdout) == (code, b"")
        assert done.stderr.startswith(b"error: ")
        assert message in done.stderr.decode()
        assert done.stderr.count(b"\n") == 1
