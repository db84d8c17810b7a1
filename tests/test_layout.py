"""Imports go one way, and the code that a registered version carries needs nothing but itself."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from token_approx.estimator.shipped import write_shipped
from token_approx.exit_codes import MISSING_EXTRA
from token_approx.lifecycle.registry import carried, package_estimator

# What each may import are those before it; preparing, labelling and pretraining stand side by side.
LAYERS = [
    *(
        "text",
        "requests",
        "estimator",
        "preparing",
        "labelling",
        "pretraining",
        "fitting",
        "reporting",
        "lifecycle",
    ),
    *("scoring", "commands", "stages", "benchmarks"),
]
KNOW_MLFLOW = {"lifecycle", "scoring", "stages", "benchmarks"}
# What the one module of the estimator imports that finds a model in the registry, when it is asked to.
LEADS_TO_MLFLOW = {"token_approx.lifecycle.pull"}
KNOW_HYDRA = {"stages", "benchmarks"}
PACKAGE = ROOT / "src/token_approx"
STAGES = ["train", "prepare", "label", "usage", "calibrate", "evaluate", "score", "pretrain"]
OUTSIDE = {"pandas", "sklearn", "scipy", "mlflow", "pydantic", "jsonschema", "matplotlib"}


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, wherever it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # A relative import starts at the file's own package, `level` folders up.
            package = path.relative_to(PACKAGE.parent).parts[: -node.level] if node.level else ()
            module = ".".join([*package, *filter(None, [node.module])])
            names.add(module)
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer: str) -> None:
    """A layer imports none that comes after it; only the last two know MLflow, the last alone a config."""
    for path in (PACKAGE / layer).rglob("*.py"):
        names = imported(path)
        for later in LAYERS[LAYERS.index(layer) + 1 :]:
            upward = {name for name in names if name.startswith(f"token_approx.{later}")}
            if path.name == "shipped.py":
                upward = {name for name in upward if not name.startswith("token_approx.lifecycle.pull")}
            assert not upward, path
        roots = {name.split(".")[0] for name in names}
        assert "mlflow" not in roots or layer in KNOW_MLFLOW, path
        assert not roots & {"hydra", "omegaconf"} or layer in KNOW_HYDRA, path


def test_text_needs_nothing_above_it() -> None:
    """The first layer imports the standard library, numpy and itself, and pyarrow where Parquet is read."""
    for path in (PACKAGE / "text").glob("*.py"):
        ours = {name for name in imported(path) if name.startswith("token_approx.")}
        assert all(
            name.startswith(("token_approx.text", "token_approx.errors", "token_approx.files"))
            for name in ours
        ), path
        assert not {name.split(".")[0] for name in imported(path)} & OUTSIDE, path


# Imported where a limit is decided with them, and only if they are there.
TOKENIZERS = {"bpe_openai", "ctok", "tiktoken", "tokenizers"}


def test_the_estimator_s_copy_is_complete() -> None:
    """What a registered version carries imports numpy, the standard library and itself, and no more.

    One module finds models elsewhere: it alone leads to MLflow, when a model URI is loaded. Another asks the
    exact tokenizers that are installed, and no other does.
    """
    modules = {f"token_approx.{name.removesuffix('.py').replace('/', '.')}" for name in carried()}
    modules = {name.removesuffix(".__init__") for name in modules}
    allowed = {"numpy", "token_approx", *sys.stdlib_module_names}
    for name in carried():
        path = PACKAGE / name
        lazily = LEADS_TO_MLFLOW if path.name == "shipped.py" else set()
        found = imported(path)
        optional = TOKENIZERS if path.name == "exact.py" else set()
        assert {module.split(".")[0] for module in found} <= allowed | optional, path
        ours = {module for module in found if module.startswith("token_approx.") and is_module(module)}
        assert ours <= modules | lazily, path


def is_module(name: str) -> bool:
    """Tell whether a dotted name is a module of ours, rather than something in one."""
    path = PACKAGE.parent / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_the_copy_estimates_by_itself(tmp_path: Path) -> None:
    """Without the package, and under another name, the carried modules do all that the estimator does."""
    package = package_estimator(tmp_path).name
    write_shipped("o200k_base", tmp_path)
    code = f"""
import sys
from {package} import Estimator
model = Estimator.load({str(tmp_path / "model_coefs.json")!r})
assert model.describe_many(["abc"]).upper_bound.tolist() == [model.upper_bound("abc")]
assert "".join(model.split("some words " * 90, 20)) == "some words " * 90
context = model.with_context()
context.append("some words")
assert context.tokens == model.estimate("some words")
assert model.messages([{{"role": "user", "content": "Hello!"}}]).tokens > 0
foreign = {sorted(OUTSIDE | {"typer", "pathspec", "token_approx"})!r}
print([name for name in foreign if name in sys.modules])
"""
    # -P: without the folder that it is started in.
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_without_its_extra_says_so(stage: str, tmp_path: Path) -> None:
    """Where the libraries are not installed, a stage ends in one line that names one and the extra."""
    # -S: without site-packages.
    done = subprocess.run(
        [sys.executable, "-S", "-m", f"token_approx.stages.{stage}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    extra = "score" if stage == "score" else "train"
    mend = f"pip install 'token-approx[{extra}]'"
    assert done.stderr == f"error: the stage {stage} needs hydra-core. Run: {mend}\n"
    assert (done.returncode, done.stdout) == (MISSING_EXTRA, "")
