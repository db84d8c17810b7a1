"""Every error has a class and an exit code, the same in commands and in stages, and ends with one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig

import token_approx
from token_approx import exit_codes
from token_approx.errors import UsageError
from token_approx.stages.command_line import run_stage

ERRORS = {
    token_approx.InputError: 1,
    token_approx.MissingExtraError: 4,
    token_approx.StoreError: 5,
    token_approx.UnfinishedError: 6,
    token_approx.DriftError: 7,
    UsageError: 64,
    OSError: 1,
    ConnectionError: 5,
    KeyError: 70,
    KeyboardInterrupt: 130,
}


@pytest.mark.parametrize(("kind", "code"), ERRORS.items())
def test_a_stage_ends_with_the_code_of_its_error(
    kind: type[BaseException],
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One line and the code of its meaning, also for a fault of ours; the traceback where it is asked for."""

    def stage(_: DictConfig) -> None:
        raise kind("what is wrong")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["prepare"])
    for shown in (False, True):
        monkeypatch.setenv(exit_codes.TRACEBACK, "1" if shown else "")
        with pytest.raises(SystemExit) as ended:
            run_stage("prepare", stage)
        printed = capsys.readouterr().err
        assert ended.value.code == code
        if kind is KeyboardInterrupt:
            assert printed == "interrupted\n"
            continue
        assert "what is wrong" in printed
        assert ("Traceback" in printed) == shown
        assert (printed.count("\n") > 1) == shown


def test_every_error_has_a_base_and_every_code_a_meaning() -> None:
    """`except TokenApproxError` catches all, and --help lists every code that an error can have."""
    for kind in [getattr(token_approx, name) for name in token_approx.__all__ if name.endswith("Error")]:
        assert issubclass(kind, token_approx.TokenApproxError)
    assert issubclass(token_approx.InputError, ValueError)
    assert set(ERRORS.values()) <= exit_codes.MEANINGS.keys()
    assert {code for _, code in exit_codes.CODES} <= exit_codes.MEANINGS.keys()


@pytest.mark.parametrize("module", ["token_approx.commands.main", "token_approx.stages.prepare"])
def test_help_lists_the_codes(module: str, tmp_path: Path) -> None:
    """Of the command and of a stage alike."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"{code:<4} {meaning}\n" in done.stdout


def test_the_names_at_the_top_come_without_numpy() -> None:
    """Errors and the version are there at once; the names that need numpy are imported when asked for."""
    code = """
import sys, token_approx
from token_approx import InputError, __version__
assert "numpy" not in sys.modules
for name in token_approx.__all__:
    getattr(token_approx, name)
assert "numpy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_fault_of_a_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that nobody expected is one line with its kind and code 70; --traceback shows the rest."""
    from token_approx.commands import run  # noqa: PLC0415 - beside the processes above
    from token_approx.estimator.estimator import Estimator  # noqa: PLC0415

    monkeypatch.setattr(Estimator, "for_model", {}.__getitem__)
    monkeypatch.delenv(exit_codes.TRACEBACK, raising=False)
    monkeypatch.setattr(sys, "argv", ["token-approx", "count", "none"])
    assert run.run() == exit_codes.UNEXPECTED
    printed = capsys.readouterr().err
    assert printed.startswith("error: an unexpected KeyError: 'o200k_base'. Set TOKEN_APPROX_TRACEBACK=1")
    assert printed.count("\n") == 1
    monkeypatch.setenv(exit_codes.TRACEBACK, "")  # so that what --traceback sets is undone
    monkeypatch.setattr(sys, "argv", ["token-approx", "--traceback", "count", "none"])
    assert run.run() == exit_codes.UNEXPECTED
    assert "Traceback" in capsys.readouterr().err
