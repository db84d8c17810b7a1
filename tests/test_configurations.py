"""Every option of every group of configurations composes, and MLproject's defaults are theirs."""

import sys
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import get_method, instantiate
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from tests.conftest import ROOT
from token_approx.errors import UsageError

# These need a file that is not in the project.
MADE_ELSEWHERE = {"what", "tokenizer"}
# The estimators that draw on what a dataset of requests expects of its weights.
EXPECT = {"requests", "shrunk", "shrunk_least_squares"}
# The stage that a group belongs to; the others are train's.
STAGE = {
    "split_rule": "prepare",
    "counter": "label",
    "what": "measure",
    "tokenizer": "pretrain",
    "reader": "usage",
}
LEAVES = sorted(path.relative_to(ROOT / "conf") for path in (ROOT / "conf").glob("*/*.yaml"))


@pytest.mark.parametrize(
    ("entry_point", "stage"),
    [
        ("main", "train"),
        ("prepare", "prepare"),
        ("label", "label"),
        ("usage", "usage"),
        ("calibrate", "calibrate"),
        ("evaluate", "evaluate"),
        ("score", "score"),
    ],
)
def test_mlproject_defaults_are_the_configuration_s(entry_point: str, stage: str) -> None:
    """What `mlflow run .` passes by default is what the configuration has without it."""
    parameters = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"][entry_point]["parameters"]
    config = yaml.safe_load((ROOT / f"conf/{stage}.yaml").read_text())
    groups = {
        key: value
        for part in config.get("defaults", [])
        if isinstance(part, dict)
        for key, value in part.items()
    }
    defaults = {name: parameter["default"] for name, parameter in parameters.items()}
    assert defaults.pop("overrides") == ""
    # An empty parameter is an empty list where the configuration has a list.
    given = {name: (groups | config)[name] for name in defaults}
    assert defaults == {name: as_text(value) for name, value in given.items()}


def as_text(value: object) -> str:
    """Return a value of a configuration as a parameter has it."""
    return "" if value == [] else str(value).lower() if isinstance(value, bool) else str(value)


def overrides(group: str, option: str, folder: Path) -> list[str]:
    """Return what an option needs besides its name."""
    if group == "counter":
        Tokenizer(WordLevel({"a": 0}, unk_token="a")).save(str(folder / "tokenizer.json"))  # noqa: S106
        (folder / "log.jsonl").write_text('{"text": "a", "input_tokens": 1}\n')
        own = {
            "huggingface": [f"counter.tokenizer={folder}/tokenizer.json"],
            "usage_log": [f"counter.path={folder}/log.jsonl"],
        }
        return [f"model={'claude_3' if option == 'ctok' else 'o200k_base'}", *own.get(option, [])]
    if option == "mlflow_traces":
        return ["experiments=calls"]
    if option == "custom":
        return ["dataset.records=output/records.jsonl", "+dataset.sources=[oliver-twist]"]
    if group == "estimator" and option in EXPECT:
        return ["dataset=requests-openai"]
    if option == "corpus":
        return ["counted_by=o200k_base"]
    return [] if group in STAGE else ["records=output/records.jsonl"]


@pytest.mark.usefixtures("o200k_cache")
@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_every_leaf_composes_and_instantiates(
    leaf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option of each group can be chosen, and what it configures can be made."""
    monkeypatch.chdir(ROOT)
    for key in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(key, "k")
    group, option = leaf.parts[0], leaf.stem
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(
            STAGE.get(group, "train"), [f"{group}={option}", *overrides(group, option, tmp_path)]
        )
    if group in MADE_ELSEWHERE:
        assert callable(get_method(config[group]._target_))
        return
    if option == "ctok" and sys.version_info < (3, 12):
        # The library has no version for an older Python, which the counter says in words.
        with pytest.raises(InstantiationException) as caught:
            instantiate(config[group], _convert_="all")
        cause: BaseException | None = caught.value
        while cause and not isinstance(cause, UsageError):
            cause = cause.__cause__
        assert "counter=ctok needs Python 3.12 or newer" in str(cause)
        return
    made = instantiate(config[group], _convert_="all")
    assert made is not None
    if isinstance(made, dict):
        assert made
        assert all(part is not None for part in made.values())
