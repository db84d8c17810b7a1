"""Of a folder, exactly the files are walked that git would: .gitignore files are read as git reads them."""

import os
import random
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from token_approx.commands.ignored import walk

# Not [[:alpha:]]: pathspec has no such classes.
NAMES = ["a", "b", "x.py", "y.log", "build", "é"]
PATTERNS = [
    *("a", "/a", "a/", "b/a", "*.log", "!*.log", "!a", "*", "!*/", "!*.py", "/b/", "**/x.py", "a/**"),
    *("**/build/", "a*", "!build", "[ab]", "b/*", "!b/a/", "\\!a", "#a", "?.py", "a/**/b", "**", "!**/"),
    *("/*", "!/b", "é", "*/a", "a/*/x.py", " a", "a ", "!", "[", "a\r"),
]


def fill(folder: Path, draw: random.Random, depth: int = 0) -> None:
    """Make files, folders and .gitignore files."""
    for name in NAMES:
        if draw.random() < 0.3:
            continue
        if depth < 3 and "." not in name and draw.random() < 0.6:
            (folder / name).mkdir()
            fill(folder / name, draw, depth + 1)
        else:
            (folder / name).write_text("x")
    if draw.random() < (0.3 if depth else 1):
        lines = "\n".join(draw.sample(PATTERNS, draw.randint(1, 5)))
        (folder / ".gitignore").write_text(lines + "\n", newline="")


def git_files(folder: Path) -> list[str]:
    """Return what git would add, below a folder of a repository."""
    command = ["git", "-C", str(folder), "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True).stdout
    return sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)


def walked(folder: Path, errors: list[OSError]) -> list[str]:
    """Return what is walked, from the folder on."""
    return sorted(str(Path(path).relative_to(folder)) for path in walk(str(folder), errors.append))


@pytest.mark.parametrize("seed", range(30))
def test_it_is_what_git_would_add(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In trees drawn at random, with patterns of every kind at every level, and from folders inside them."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run(["git", "init", "-q", str(repository)], check=True)  # noqa: S607
    fill(repository, random.Random(seed))  # noqa: S311
    errors: list[OSError] = []
    everything = git_files(repository)
    assert walked(repository, errors) == everything
    for name in ("a", "b", "é/a"):
        below = [path.removeprefix(f"{name}/") for path in everything if path.startswith(f"{name}/")]
        if below:  # else the folder is ignored itself, or none
            assert walked(repository / name, errors) == below
    assert errors == []


def test_a_folder_that_is_named_is_read(tmp_path: Path) -> None:
    """Even if it is ignored where it is; what is ignored below it still is."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("build/\n*.log\n")
    (tmp_path / "build").mkdir()
    for name in ("a.py", "b.log", "c.tmp"):
        (tmp_path / "build" / name).write_text("x")
    (tmp_path / "build" / ".gitignore").write_text("*.tmp\n")
    assert walked(tmp_path / "build", []) == [".gitignore", "a.py", "b.log"]
    assert walked(tmp_path, []) == [".gitignore"]


def test_without_a_repository_files_above_do_not_count(tmp_path: Path) -> None:
    """Those in the folder do."""
    (tmp_path / ".gitignore").write_text("*\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / ".gitignore").write_text("*.log\n")
    (tmp_path / "in" / "a.log").write_text("x")
    (tmp_path / "in" / "a").write_text("x")
    assert walked(tmp_path / "in", []) == [".gitignore", "a"]


def test_links_and_sockets_are_passed_over(tmp_path: Path) -> None:
    """So no folder is walked twice, or for ever; one that is a link itself is walked where it is named."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("x")
    (folder / "loop").symlink_to(folder)
    (folder / "link").symlink_to(folder / "a")
    (folder / "broken").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "s"))
        assert walked(folder, []) == ["a"]
    (tmp_path / "named").symlink_to(folder)
    assert walked(tmp_path / "named", []) == ["a"]


def test_what_vanishes_is_told(tmp_path: Path) -> None:
    """A folder that is gone when its turn comes is an error, and the walk goes on."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    errors: list[OSError] = []
    walking = walk(str(tmp_path), errors.append)
    assert next(walking).endswith("a/file")
    shutil.rmtree(tmp_path / "b")
    assert [Path(path).parent.name for path in walking] == ["c"]
    assert [Path(str(error.filename)).name for error in errors] == ["b"]
