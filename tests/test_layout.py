"""The layout keeps the design's promises: imports go one way, environments agree, configurations compose."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from tests.conftest import ROOT

LAYERS = ["text", "labelling", "fitting", "lifecycle", "stages"]
PACKAGE = ROOT / "src/token_approx"
LEAVES = sorted(path.relative_to(ROOT / "conf") for path in (ROOT / "conf").glob("*/*.yaml"))


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer: str) -> None:
    """A layer imports none that comes after it; only the last two know MLflow, the last alone a config."""
    for path in (PACKAGE / layer).rglob("*.py"):
        names = imported(path)
        for later in LAYERS[LAYERS.index(layer) + 1 :]:
            assert not {name for name in names if name.startswith(f"token_approx.{later}")}, path
        roots = {name.split(".")[0] for name in names}
        assert "mlflow" not in roots or layer in {"lifecycle", "stages"}, path
        assert not roots & {"hydra", "omegaconf"} or layer == "stages", path


def test_the_estimator_needs_text_alone() -> None:
    """What other programs embed imports the standard library, numpy and the text layer."""
    for path in [PACKAGE / "estimator.py", *(PACKAGE / "text").glob("*.py")]:
        ours = {name for name in imported(path) if name.startswith("token_approx.")}
        assert all(name.startswith(("token_approx.text", "token_approx.errors")) for name in ours), path
        outside = {"pandas", "sklearn", "scipy", "mlflow", "pydantic", "jsonschema", "matplotlib"}
        assert not {name.split(".")[0] for name in imported(path)} & outside, path


def test_conda_yaml_is_in_step_with_pyproject() -> None:
    """The environment that `mlflow run .` builds has exactly the package's own dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "conda.yaml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in conda if isinstance(entry, dict))
    assert sorted(pip) == sorted(project["dependencies"])
    minimum = re.search(r"3\.\d+", project["requires-python"])
    assert minimum
    assert f"python={minimum.group()}" in conda


def test_mlproject_defaults_are_the_configuration_s() -> None:
    """What `mlflow run .` passes by default is what the configuration has without it."""
    parameters = yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"]["main"]["parameters"]
    config = yaml.safe_load((ROOT / "conf/train.yaml").read_text())
    groups = {
        key: value for part in config["defaults"] if isinstance(part, dict) for key, value in part.items()
    }
    defaults = {name: parameter["default"] for name, parameter in parameters.items()}
    assert defaults.pop("overrides") == ""
    assert defaults.pop("models") == groups["model"]
    assert defaults == {name: str((groups | config)[name]) for name in defaults}


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_every_leaf_composes_and_instantiates(leaf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option of each group can be chosen, and what it configures can be made."""
    monkeypatch.chdir(ROOT)
    group, option = leaf.parts[0], leaf.stem
    records = ["records=output/records.jsonl"] if option != "custom" else []
    if option == "custom":
        records = ["dataset.records=output/records.jsonl", "+dataset.sources=[oliver-twist]"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose("train", [f"{group}={option}", *records])
    made = instantiate(config[group], _convert_="all")
    assert made is not None
    if isinstance(made, dict):
        assert made
        assert all(part is not None for part in made.values())
