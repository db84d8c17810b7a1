"""A version's files are pulled whole or not at all: by MLflow's command, and by ours."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.lifecycle.registered import NAME, TABLE, TEXTS, URI, Store
from token_approx.errors import InputError
from token_approx.estimator.estimator import Estimator
from token_approx.lifecycle.contract import COEFS
from token_approx.lifecycle.pull import pull
from token_approx.text.features import known_table


def test_mlflow_artifacts_download(store: Store, tmp_path: Path) -> None:
    """`mlflow artifacts download` fetches model_coefs.json of a version by its alias."""
    uri = f"{URI}/artifacts/model_coefs.json"
    done = store.run("mlflow", "artifacts", "download", "-u", uri, "-d", str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = next(tmp_path.rglob(COEFS))
    assert json.loads(found.read_text()) == json.loads((ROOT / "output" / COEFS).read_text())


def test_pull(store: Store, tmp_path: Path) -> None:
    """A pulled model estimates as the one that was registered; pulled again, it is replaced by the same."""
    assert store.folder.exists()
    for _ in range(2):
        assert {path.name for path in pull(URI, tmp_path / "out")} == {COEFS, TABLE}
        estimator = Estimator.load(tmp_path / "out" / COEFS)
        assert estimator.estimate(TEXTS[0]) == Estimator.load(ROOT / "output" / COEFS).estimate(TEXTS[0])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {COEFS, TABLE}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / TABLE).unlink(), TABLE),
        (
            lambda folder: (folder / TABLE).write_bytes(known_table("o200k_base").json()),
            "is not the table",
        ),
        (lambda folder: (folder / COEFS).write_text("{"), "is damaged"),
        (lambda folder: (folder / COEFS).write_text('{"a":' * 200_000), "is damaged"),
        (
            lambda folder: (folder / COEFS).write_text(
                re.sub('"factor": [0-9.]+', '"factor": NaN', (folder / COEFS).read_text())
            ),
            "NaN is not a number",
        ),
        (
            lambda folder: (folder / COEFS).write_text(
                re.sub('"factor": ', '"factor": -', (folder / COEFS).read_text(), count=1)
            ),
            "upper_bound[0].factor is -",
        ),
        (lambda folder: (folder / COEFS).unlink(), "holds no model_coefs.json"),
        (
            lambda folder: (folder / COEFS).write_text(
                (folder / COEFS).read_text().replace(f'"{TABLE}"', f'"../{TABLE}"')
            ),
            "is not in the model's folder",
        ),
        (
            lambda folder: (folder / COEFS).write_text(
                (folder / COEFS).read_text().replace('"w0"', '"w0"'.replace("0", "_x"))
            ),
            "breaks the contract at $ ('w0' is a required property)",
        ),
    ],
)
def test_a_damaged_version_replaces_nothing(
    store: Store,
    tmp_path: Path,
    spoil: Callable[[Path], object],
    message: str,
) -> None:
    """What was pulled before stays as it was, and the error says what is wrong."""
    pull(URI, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (artifacts,) = (path.parent for path in store.folder.rglob(f"artifacts/{COEFS}"))
    kept = shutil.copytree(artifacts, tmp_path / "kept")
    try:
        spoil(artifacts)
        with pytest.raises(InputError) as refused:
            pull(URI, tmp_path / "out")
    finally:
        shutil.copytree(kept, artifacts, dirs_exist_ok=True)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    "uri", ["models:/none@champion", f"models:/{NAME}/99", "models:/", "nonsense", "runs:/x/y"]
)
def test_pulling_what_is_not_there(store: Store, tmp_path: Path, uri: str) -> None:
    """A model that does not exist is one line that says what to give."""
    assert store.folder.exists()
    with pytest.raises(InputError, match=r"cannot be downloaded .* Give models:/<name>@champion") as refused:
        pull(uri, tmp_path / "out")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()
