"""The prepare stage, run as a user runs it."""

import sys
from pathlib import Path

import pytest

from token_approx.preparing.samples import read_samples
from token_approx.stages import prepare


def run(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run the stage in a folder of its own and return what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare", *arguments])
    prepare.main()
    return capsys.readouterr().out


def test_a_book_by_the_published_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A path with Hydra's own characters in it, cleaned and cut; the same twice."""
    book = tmp_path / "a, book's [1]=x.txt"
    body = "\r\n\r\n".join(f"w{number:03} " * 1000 for number in range(20))
    book.write_bytes(f"*** START OF THE PROJECT GUTENBERG EBOOK B ***\r\n{body}\r\n".encode())
    printed = run([f"source={book}", "split_rule=gutenberg"], tmp_path, monkeypatch, capsys)
    samples = read_samples(tmp_path / "samples.jsonl")
    assert "samples   3 from 1 sources in samples.jsonl" in printed
    assert [len(entry.text) for entry in samples] == [35011, 35011, 30009]
    assert {entry.source for entry in samples} == {"a, book's [1]=x"}
    before = (tmp_path / "samples.jsonl").read_bytes()
    run([f"source={book}", "split_rule=gutenberg"], tmp_path, monkeypatch, capsys)
    assert (tmp_path / "samples.jsonl").read_bytes() == before


def test_a_folder_into_mixed_lengths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Short and long samples from the same texts, as many as are asked for, and what was skipped is told."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.py").write_text(f"value_{number} = {number}\n" * 5000)
    (folder / ".hidden").write_text("x")
    printed = run([f"source={folder}", "limit=30", "out=out/s.jsonl"], tmp_path, monkeypatch, capsys)
    samples = read_samples(tmp_path / "out/s.jsonl")
    lengths = sorted(len(entry.text) for entry in samples)
    assert len(samples) == 30
    assert lengths[5] < 200
    assert lengths[-5] > 2000
    assert ", 1 hidden" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Give source=<path, URL or Project Gutenberg number>"),
        (["source=nowhere"], "source=nowhere is not a file"),
        (["source=.", "split_rule=gutenbreg"], "unknown split_rule=gutenbreg (did you mean gutenberg?)"),
        (["source=.", "split_rule.most=1"], "least=20 and most=1"),
        (["source=.", "limit=-1"], "limit=-1 is not a whole number of at least 0"),
        (["source=text.txt", "out=/dev/null/s.jsonl"], "/dev/null/s.jsonl cannot be written"),
        (["source=empty"], "gives no samples (1 hidden)"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever is wrong with the command line, it ends with one line that helps, and exit code 1 or 64."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/.hidden").write_text("x")
    (tmp_path / "text.txt").write_text("text")
    with pytest.raises(SystemExit) as ended:
        run(arguments, tmp_path, monkeypatch, capsys)
    printed = capsys.readouterr()
    assert ended.value.code in (1, 64)
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "samples.jsonl").exists()
