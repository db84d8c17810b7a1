"""`token-approx count`: numbers, tables, JSON and verdicts, of texts of any kind and size."""

import json
import os
import pty
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import bpe_openai
import pytest

from tests.commands.conftest import COMMAND, Run
from tests.conftest import ROOT
from token_approx import Estimator
from token_approx.commands.texts import PIECE
from token_approx.estimator.shipped import DEFAULTS

MODEL = Estimator.for_model("o200k_base")
COUNTS = ROOT / "output/claude-3-7-sonnet-all"
PROSE = "The boats were coming in, one after the other. " * 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with texts, a binary file and something that is ignored."""
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "small.txt").write_text("some words\n")
    (folder / "inner/large.md").write_text(PROSE)
    (folder / "image.png").write_bytes(b"\x89PNG\0\0")
    (folder / "ignored.log").write_text(PROSE * 9)
    (folder / ".gitignore").write_text("*.log\n")
    return folder


def test_numbers_in_order(run: Run, tmp_path: Path) -> None:
    """Piped, each text's estimate is a line, in the order of the arguments; of several, with its name."""
    (tmp_path / "a").write_text("some words\n")
    (tmp_path / "b").write_bytes(b"\xff\xfe no UTF-8 \xe2\x80")
    done = run("count", "b", "-", "a", stdin=PROSE.encode())
    texts = (b"\xff\xfe no UTF-8 \xe2\x80", PROSE.encode(), b"some words\n")
    expected = [MODEL.estimate(text) for text in texts]
    named = zip(expected, "b-a", strict=True)
    assert done.stdout.decode().splitlines() == [f"{tokens}\t{name}" for tokens, name in named]
    assert (done.returncode, done.stderr) == (0, b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/c").write_text("some words\n")
    assert run("count", "folder").stdout == f"{expected[2]}\tfolder/c\n".encode()
    assert run("count", "a").stdout == f"{expected[2]}\n".encode()
    assert run("count", stdin=PROSE.encode()).stdout == f"{expected[1]}\n".encode()
    assert run("count").stdout == b"0\n"


@pytest.mark.parametrize("coefs", [ROOT / "output/corpus-o200k_base", COUNTS], ids=["n-gram", "counts"])
def test_what_is_read_in_pieces_is_counted_as_a_whole(run: Run, tmp_path: Path, coefs: Path) -> None:
    """Words, white space and code points that lie across the pieces' borders count once."""
    pattern = "a日\u2003é  wörd\u00a0".encode()
    for shift in range(4):
        data = b"x" * shift + pattern * (2 * PIECE // len(pattern) + 9)
        (tmp_path / str(shift)).write_bytes(data)
    (tmp_path / "cut").write_bytes(b"a" * (PIECE - 1) + "日".encode()[:2])
    names = ["0", "1", "2", "3", "cut"]
    done = run("count", *names, "--json", "--coefs", coefs)
    found = {row["path"]: row["tokens"] for row in json.loads(done.stdout)["files"]}
    model = Estimator.load(coefs)
    assert found == {name: model.estimate((tmp_path / name).read_bytes()) for name in names}


def test_json_of_a_folder(run: Run, folder: Path) -> None:
    """Files are listed by size, with bounds and domain, without what is ignored; the total is their sum."""
    done = run("count", "folder", "--json", "--confidence", "0.8")
    content = json.loads(done.stdout)
    texts = {path: (folder.parent / path).read_text() for path in
             ("folder/inner/large.md", "folder/.gitignore", "folder/small.txt")}  # fmt: skip
    assert content["files"] == [
        {
            "path": path,
            "tokens": MODEL.estimate(text),
            "upper_bound": MODEL.upper_bound(text, 0.8),
            "lower_bound": MODEL.lower_bound(text, 0.8),
            "in_domain": not MODEL.out_of_domain(text),
            "out_of_domain": MODEL.out_of_domain(text),
            "byte_bound": len(text.encode()),
        }
        for path, text in texts.items()
    ]
    assert content["total"]["tokens"] == sum(row["tokens"] for row in content["files"])
    assert content["total"]["upper_bound"] == sum(row["upper_bound"] for row in content["files"])
    assert (content["model"], content["confidence"]) == ("o200k_base", 0.8)
    assert (done.returncode, done.stderr) == (0, b"Binary files that were left out: 1\n")


def on_terminal(arguments: list[str], folder: Path) -> str:
    """Return what the command prints to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([*COMMAND, *arguments], stdout=theirs, cwd=folder) as process:
        os.close(theirs)

        def chunks() -> Iterator[bytes]:
            try:
                while chunk := os.read(ours, 4096):
                    yield chunk
            except OSError:  # a terminal that is gone ends so on Linux
                return

        printed = b"".join(chunks()).decode()
    os.close(ours)
    assert process.returncode == 0
    return printed.replace("\r\n", "\n")


def test_table_on_a_terminal(folder: Path) -> None:
    """There, a table has the total at the end, and a star on what is unlike the training records."""
    odd = "odd" * 20_000
    (folder / "odd").write_text(odd)
    printed = on_terminal(["count", "folder"], folder.parent).splitlines()
    rows = [re.match(r" *([\d,]+) +([\d,]+) +(\*?) *(\S+)$", line) for line in printed[1:-1]]
    assert printed[0].split() == ["tokens", "at", "most", "(0.95)", "path"]
    assert printed[-1].startswith("* This is unlike the texts that the model was fitted on: folder/odd: ")
    names = [row and row[4] for row in rows]
    assert names == ["folder/odd", "folder/inner/large.md", "folder/.gitignore", "folder/small.txt", "total"]
    assert rows[0]
    assert rows[0].groups() == (f"{MODEL.estimate(odd):,}", f"{MODEL.upper_bound(odd):,}", "*", "folder/odd")
    one = on_terminal(["count", "folder/inner/large.md"], folder.parent).splitlines()
    assert len(one) == 2, "one text is its own total"


def test_a_limit_is_judged_by_the_exit_code(run: Run, tmp_path: Path) -> None:
    """The total of all texts fits (0), exceeds (2), or is in doubt (3), to the token."""
    (tmp_path / "a").write_text(PROSE)
    (tmp_path / "b").write_text("some words\n")
    texts = (PROSE, "some words\n")
    upper, lower = (sum(map(bound, texts)) for bound in (MODEL.upper_bound, MODEL.lower_bound))
    verdicts = [(upper, 0, "fits"), (upper - 1, 3, "ask"), (lower, 3, "ask"), (lower - 1, 2, "exceeds")]
    for limit, code, word in verdicts:
        done = run("count", "a", "b", "--limit", limit)
        assert done.returncode == code
        assert (
            done.stderr.decode()
            == f"{word}: the total is {lower:,} to {upper:,} tokens, and the limit is {limit:,}.\n"
        )
        assert done.stdout.decode().splitlines() == [
            f"{MODEL.estimate(text)}\t{name}" for text, name in zip(texts, "ab", strict=True)
        ]
        content = json.loads(run("count", "a", "b", "--limit", limit, "--json").stdout)
        assert (content["limit"], content["decision"]) == (limit, word)
        assert content["step"] == ("ask" if word == "ask" else "bound")


def test_an_exact_tokenizer_is_asked_where_bounds_cannot_decide(run: Run, tmp_path: Path) -> None:
    """Files and input are counted together, the exit code is that of the count, and JSON says the step."""
    (tmp_path / "a").write_text(PROSE)
    count = bpe_openai.get_encoding("o200k_base").encode_ordinary
    truth = 2 * len(count(PROSE))
    for limit, code, word in ((truth, 0, "fits"), (truth - 1, 2, "exceeds")):
        asked = ("count", "a", "-", "--limit", limit, "--exact", "installed")
        done = run(*asked, stdin=PROSE.encode())
        assert done.returncode == code
        notice = (
            f"{word}: the total is {truth:,} tokens, counted by bpe-openai, and the limit is {limit:,}.\n"
        )
        assert done.stderr.decode() == notice
        content = json.loads(run(*asked, "--json", stdin=PROSE.encode()).stdout)
        assert (content["decision"], content["step"]) == (word, "exact")
        assert run(*asked[:-2], stdin=PROSE.encode()).returncode == 3
    far = json.loads(run("count", "a", "--limit", 10**6, "--exact", "installed", "--json").stdout)
    assert (far["decision"], far["step"]) == ("fits", "bytes")


def test_exact_that_cannot_be_used(run: Run, tmp_path: Path) -> None:
    """Without a limit it has no use; a path that is no tokenizer.json, or a word unknown, is one line."""
    (tmp_path / "a").write_text(PROSE)
    (tmp_path / "broken.json").write_text("{")
    assert run("count", "a", "--exact", "installed").returncode == 64
    limit = MODEL.estimate(PROSE)
    broken = run("count", "a", "--limit", limit, "--exact", "broken.json")
    assert (broken.returncode, broken.stderr.count(b"\n")) == (1, 1)
    assert b"broken.json cannot be read as a tokenizer.json" in broken.stderr
    unknown = run("count", "a", "--limit", limit, "--exact", "always")
    assert unknown.returncode == 1
    assert b"exact='always' is not known" in unknown.stderr


def test_out_of_the_domain_no_limit_is_trusted(run: Run, tmp_path: Path) -> None:
    """Korean in decomposed form has twice the tokens of the measured bound: ask, with the reason.

    Only a limit that its bytes cannot exceed is known to fit.
    """
    text = unicodedata.normalize("NFD", "어제 오후에 강가에서 백로 세 마리를 보았다. " * 40)
    (tmp_path / "korean").write_text(text)
    (tmp_path / "english").write_text(PROSE)
    size = len(text.encode())
    assert MODEL.upper_bound(text) == size
    rare = "rare_o200k_base/ngram_o200k_base is "
    for names, known in ((["korean"], 0), (["english", "korean"], MODEL.upper_bound(PROSE))):
        asked = run("count", *names, "--limit", size - 1)
        assert asked.returncode == 3
        assert asked.stderr.startswith(b"ask: ")
        assert f"(unlike what the model was fitted on: korean: {rare}".encode() in asked.stderr
        in_json = json.loads(run("count", *names, "--limit", size - 1, "--json").stdout)
        assert (in_json["decision"], in_json["total"]["in_domain"]) == ("ask", False)
        assert in_json["total"]["out_of_domain"].startswith(f"korean: {rare}")
        assert run("count", *names, "--limit", size + int(known)).returncode == 0
    coefs = json.loads((DEFAULTS / "o200k_base.json").read_text()) | {"byte_bound": None}
    (tmp_path / "model_coefs.json").write_text(json.dumps(coefs))
    unknown = run("count", "korean", "--limit", 10**9, "--coefs", ".")
    assert (unknown.returncode, unknown.stderr[:33]) == (3, b"ask: the total is at least 0 toke")


def test_a_model_without_bounds(run: Run, tmp_path: Path) -> None:
    """It counts, its bounds are null, and against a limit it is refused before anything is read."""
    coefs = {"model": "m", "feature_set": ["bytes"], "w0": 0, "w_bytes": 1}
    (tmp_path / "model_coefs.json").write_text(json.dumps(coefs))
    content = json.loads(run("count", "--coefs", ".", "--json", stdin=b"abc").stdout)
    assert content["total"] == {"tokens": 3, "upper_bound": None, "lower_bound": None, "in_domain": True,
                                "out_of_domain": "", "byte_bound": None}  # fmt: skip
    done = run("count", "--coefs", ".", "--limit", 5, "nowhere")
    assert done.stderr == b"error: The model has no bound of confidence 0.95. Its levels: none.\n"
    assert done.returncode == 1


def peak(path: Path, *options: str) -> int:
    """Return the most memory that counting a file took, in KiB, as the kernel has it."""
    process = subprocess.Popen([*COMMAND, "count", str(path), *options], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_maxrss


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--json",), ("--coefs", str(COUNTS))], ids=" ".join)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Ten times the text, 300 MB, takes the same memory up to 4 MiB, whatever is counted."""
    text = (ROOT / "README.md").read_bytes() * 72  # 1 MB
    for name, megabytes in (("small", 30), ("large", 300)):
        with (tmp_path / name).open("wb") as stream:
            stream.writelines(text for _ in range(megabytes))
    small, large = peak(tmp_path / "small", *options), peak(tmp_path / "large", *options)
    assert large < small + 4096
