"""The environments agree: the lock, conda.yaml, the ranges of versions, the extras, and what git keeps."""

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def lock() -> ModuleType:
    """Return .ci/lock.py as a module."""
    spec = importlib.util.spec_from_file_location("lock", ROOT / ".ci/lock.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_conda_yaml_is_what_the_lock_says(lock: ModuleType) -> None:
    """The environment that `mlflow run .` builds comes from the lock; if this fails: .ci/lock.py --conda."""
    text = (ROOT / "conda.yaml").read_text()
    assert text == lock.conda_yaml(lock.project(), lock.LOCK.read_text())
    entries = yaml.safe_load(text)["dependencies"]
    assert f"python={lock.least_python(lock.project())}" in entries
    (pip,) = (entry["pip"] for entry in entries if isinstance(entry, dict))
    names = {lock.name_of(entry) for entry in pip}
    assert {"mlflow", "numpy", "pyspark", "anthropic", "click"} <= names, "direct ones, and what they need"
    assert not names & {"pytest", "ruff", "mypy", "hypothesis"}, "the tests' own"


def test_the_ranges_start_where_they_were_tested(lock: ModuleType) -> None:
    """The lock is within every range, and an extra's range starts at it: no test runs with less.

    What a plain installation needs may be older; `.ci/run` tests it with the lowest of those versions too.
    """
    pins = [found for line in lock.LOCK.read_text().splitlines() if (found := lock.PIN.fullmatch(line))]
    locked = {pin["name"]: pin["rest"].partition(" ;")[0] for pin in pins}
    content = lock.project()
    plain, extras = content["dependencies"], content["optional-dependencies"].values()
    for requirement in {*plain, *(entry for extra in extras for entry in extra)}:
        pattern = r"(?P<name>[^\[>]+)(\[.*\])?>=(?P<least>[^,;]+)(,<(?P<below>[^;]+))?(; .*)?"
        found = re.fullmatch(pattern, requirement)
        if requirement.startswith("token-approx["):
            continue
        assert found, requirement
        version = locked[lock.name_of(requirement)]
        if requirement in plain:
            assert parts(found["least"]) <= parts(version), requirement
        else:
            assert found["least"] == version, requirement
        assert found["below"] is None or parts(version) < parts(found["below"]), requirement


def parts(version: str) -> list[int]:
    """Return the numbers of a version."""
    return [int(number) for number in version.split(".")]


def test_the_lock_names_no_address() -> None:
    """Neither the lock nor conda.yaml says where packages are downloaded from."""
    for name in ("requirements.lock", "conda.yaml"):
        assert "://" not in (ROOT / name).read_text(), name


def test_figures_in_git_are_those_that_documents_show() -> None:
    """A figure is kept in git if the README or a page of docs/ shows it; nor is anything there unnamed."""
    kept = subprocess.run(
        ["git", "ls-files", "output"],  # noqa: S607 - git as the shell finds it
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        (page.parent / link).resolve().relative_to(ROOT).as_posix()
        for page in pages
        for link in re.findall(r"!\[[^]]*\]\(([^):]+)\)", page.read_text(encoding="utf-8"))
    }
    assert {name for name in kept if name.endswith(".png")} == {
        name for name in shown if name.startswith("output/")
    }
    others = {"model_coefs.json", "golden_vectors.json"}
    assert {Path(name).name for name in kept if name.endswith(".json")} <= others | {"install.json"}
    assert not [name for name in kept if name.endswith(".html")]


def test_every_counter_with_a_library_is_an_extra() -> None:
    """Each is an optional dependency by the counter's name, and all that is optional comes with the tests."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    counters = {path.stem.replace("_", "-") for path in (ROOT / "conf/counter").glob("*.yaml")} - {
        "usage-log"
    }
    others = {"test", "train", "mlflow", "score", "spark", "postgres", "s3", "benchmark", "pretrain"}
    assert counters == extras.keys() - others
    ours = [entry for entry in extras["test"] if entry.startswith("token-approx[")]
    named = {name for entry in ours for name in re.split(r"[][,]", entry)[1:-1]}
    assert extras.keys() - {"test", "mlflow"} == named, "mlflow comes with train"
