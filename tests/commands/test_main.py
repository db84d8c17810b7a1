"""The `token-approx` command in the world: no traceback, whatever happens to its files, pipes and signals."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from tests.commands.conftest import COMMAND, Run, run
from token_approx import Estimator, __version__
from token_approx.text import kernel

__all__ = ["run"]
COMMANDS = ["count", "truncate", "split", "compare", "pull"]


@pytest.fixture(autouse=True)
def buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let output be buffered, as it is for users: then a write that fails does so again at the end."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)


def test_the_script_is_installed() -> None:
    """`token-approx` is on the path of the environment, and is this version."""
    script = Path(sys.executable).parent / "token-approx"
    done = subprocess.run([script, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"{__version__} ({kernel.name()} kernel)\n"


def test_an_unknown_kernel_is_refused(run: Run) -> None:
    """A kernel that there is not, named by the environment, is one line that says which there are."""
    done = run("--version", env={**os.environ, kernel.VARIABLE: "rust"})
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"error: TOKEN_APPROX_KERNEL=rust is not a kernel. Give native or numpy.\n"


@pytest.mark.parametrize("arguments", [[], ["-h"], *([command, "--help"] for command in COMMANDS)])
def test_help(run: Run, arguments: list[str]) -> None:
    """Every command tells what it does, with examples that use options it has."""
    done = run(*arguments)
    text = done.stdout.decode()
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Usage: token-approx" in text
    if not arguments or arguments == ["-h"]:
        assert all(command in text for command in COMMANDS)
        assert re.search(r"64 +wrong usage", text)
        return
    body, examples = text.split("Examples:")
    assert f"token-approx {arguments[0]} " in examples
    lines = [line for line in examples.splitlines() if f"token-approx {arguments[0]}" in line]
    used = {option for line in lines for option in re.findall(r"--[a-z]+", line)}
    assert used <= set(re.findall(r"--[a-z]+", body))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["count", "--limits", "3"], "No such option: --limits"),
        (["count", "--limit", "many"], "Invalid value for '--limit'"),
        (["count", "--limit", "-1"], "Invalid value for '--limit'"),
        (["count", "--confidence", "2"], "Invalid value for '--confidence'"),
        (["count", "--model", "claude_3", "--coefs", "x"], "--coefs and --model cannot be given together."),
        (["conut"], "Did you mean 'count'?"),
        (["pull"], "Missing argument 'NAME_OR_URI'"),
        (["truncate", "a", "b", "--limit", "3"], "unexpected extra argument(s) (b)"),
    ],
)
def test_wrong_usage_is_64(run: Run, arguments: list[str], message: str) -> None:
    """Never 2, which says that a text exceeds its limit; and one line that names the help."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (64, b"")
    assert message in done.stderr.decode()
    assert re.search(r"\(see token-approx.* --help\)\n$", done.stderr.decode())
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "grok-9"], "error: unknown model 'grok-9'. "),
        (["--coefs", "nowhere"], "error: nowhere cannot be read (No such file or directory)"),
        (
            ["--limit", "9", "--confidence", "0.5"],
            "error: The model has no bound of confidence 0.5. Its levels:",
        ),
    ],
)
def test_bad_input_is_one_line(run: Run, arguments: list[str], message: str) -> None:
    """A model or a level that is not there is told before anything is read."""
    done = run("count", *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().startswith(message)
    assert done.stderr.count(b"\n") == 1


def test_what_cannot_be_read_is_told_and_the_rest_goes_on(run: Run, tmp_path: Path) -> None:
    """A missing file, a socket and a binary file are named; a pipe is read; the exit code is 1 in the end."""
    (tmp_path / "a").write_text("some words")
    (tmp_path / "binary").write_bytes(b"\x7fELF\0")
    (tmp_path / "wide").write_bytes("wide".encode("utf-16"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        done = run("count", "missing", "s", "binary", "wide", "a", "a/below", "/dev/stdin", stdin=b"more")
    expected = [Estimator.for_model("o200k_base").estimate(text) for text in ("some words", "more")]
    named = zip(expected, ("a", "/dev/stdin"), strict=True)
    assert done.stdout.decode().splitlines() == [f"{tokens}\t{name}" for tokens, name in named]
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "missing cannot be read (No such file or directory)",
        "s cannot be read (No such device or address)",
        "binary is a binary file. Give a text.",
        "wide is UTF-16. Convert the file to UTF-8.",
        "a/below cannot be read (Not a directory)",
    ]


@pytest.mark.parametrize("command", ["count", "compare"])
def test_a_name_that_is_too_long(run: Run, tmp_path: Path, command: str) -> None:
    """It is named, and the files after it are counted."""
    (tmp_path / "a").write_text("some words")
    done = run(command, "x" * 300, "a")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith("cannot be read (File name too long)")
    assert str(Estimator.for_model("o200k_base").estimate("some words")).encode() in done.stdout


def test_what_is_missing_may_not_fit(run: Run, tmp_path: Path) -> None:
    """With a file unread, that the rest fits a limit is no success; that it exceeds one stays true."""
    (tmp_path / "a").write_text("some words " * 50)
    assert run("count", "a", "missing", "--limit", 1000).returncode == 1
    assert run("count", "a", "missing", "--limit", 10).returncode == 2


def test_permissions() -> None:
    """A folder and a file that may not be read are told, and what is beside them is counted."""
    code = """
import os, sys
from token_approx.commands import ignored, run
sys.argv[:] = ["token-approx", "count", "/dev/null"]
run.run()  # imports what another user may be unable to
if os.geteuid() == 0:  # nothing is closed to root
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
sys.argv[:] = ["token-approx", "count", "."]
sys.exit(run.run())
"""
    # Not tmp_path, which no other user can enter.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in ("closed/a", "open/a", "open/b"):
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text("some words")
        for path, mode in ((".", 0o755), ("open/b", 0), ("closed", 0)):
            (folder / path).chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder
        )
        (folder / "closed").chmod(0o755)
    assert done.stderr.splitlines() == [
        "./closed cannot be read (Permission denied)",
        "./open/b cannot be read (Permission denied)",
    ]
    assert done.stdout == f"0\n{Estimator.for_model('o200k_base').estimate('some words')}\t./open/a\n"
    assert done.returncode == 1


def test_names_of_any_bytes(run: Run, tmp_path: Path) -> None:
    """A name that is no UTF-8 is counted and told, and JSON gives it back."""
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_text("some words")
    content = json.loads(run("count", ".", "--json").stdout)
    assert [row["path"] for row in content["files"]] == [f"./{name}"]
    done = run("split", "--size", 9, "--out", "pieces", name)
    assert done.stdout == b"pieces/caf\\udce9.001.txt\n"
    assert (tmp_path / os.fsdecode(b"pieces/caf\xe9.001.txt")).read_text() == "some words"
    done = run("count", name, os.fsdecode(b"no\xff"), env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert re.fullmatch(rb"no(\?|\\udcff) cannot be read \(No such file or directory\)\n", done.stderr)


@pytest.mark.parametrize(
    "arguments", ["count .", "split --size 9 big", "truncate --limit 900000 big", "count . --json"]
)
def test_the_reader_of_the_pipe_goes_away(tmp_path: Path, arguments: str) -> None:
    """`| head -1` ends it without a word."""
    for number in range(400):
        (tmp_path / f"{number}").write_text("some words\n" * 9)
    (tmp_path / "big").write_text("some words\n" * 90_000)
    script = f"{sys.executable} -m token_approx.commands.main {arguments} | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True, cwd=tmp_path)  # noqa: S607
    assert len(done.stdout) == 1
    assert done.stderr in (b"", b"The text was cut into 90,000 pieces.\n")


def test_a_full_disk(tmp_path: Path) -> None:
    """What cannot be written is told once."""
    (tmp_path / "a").write_text("some words")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "count", "a"], stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        b"error: [Errno 28] No space left on device. Make room on the disk, and run the same command again.\n"
    )


@pytest.mark.parametrize("stream", [0, 1, 2])
def test_closed_streams(tmp_path: Path, stream: int) -> None:
    """Without standard input, output or error it does what it can, and nothing breaks."""
    (tmp_path / "a").write_text("some words")
    command = f"{sys.executable} -m token_approx.commands.main count - a missing {stream}>&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, input=b"", check=False, cwd=tmp_path)  # noqa: S607
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    if stream == 0:
        assert done.stderr.startswith(b"The standard input is closed. Give a file.\n")


def test_an_interrupt(tmp_path: Path) -> None:
    """Ctrl-C while it reads ends it with 130 and no traceback."""
    os.mkfifo(tmp_path / "pipe")
    process = subprocess.Popen(
        [*COMMAND, "count", "pipe"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # The test may run where interrupts are ignored, as in a shell's background.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    with (tmp_path / "pipe").open("wb") as pipe:  # opens once the command does
        pipe.write(b"some words")
        pipe.flush()
        # Again and again, as a person would: one that comes while a library is imported may be lost.
        for _ in range(50):
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.4)
                break
        else:
            process.kill()
    printed, told = process.communicate()
    assert (process.returncode, printed, told) == (130, b"", b"")


def test_starting_costs_little(tmp_path: Path) -> None:
    """To count a text, nothing large is imported but numpy, and pydantic by typer; to walk, pathspec too."""
    code = """
import sys
from token_approx.commands.main import main
sys.argv[:] = ["token-approx", "count", *sys.argv[1:]]
main()
large = {"mlflow", "pandas", "sklearn", "scipy", "matplotlib", "rich", "jsonschema", "pathspec"}
print(sorted(large & sys.modules.keys()))
"""
    for arguments, imported in (([], "[]"), (["."], "['pathspec']")):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, input="a", cwd=tmp_path)
        assert done.stdout.splitlines()[-1] == imported
