"""The layout keeps the design's promises: imports go one way, environments agree, configurations compose."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import get_method, instantiate
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from tests.conftest import ROOT
from token_approx.errors import UsageError
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
# These need a file that is not in the project.
MADE_ELSEWHERE = {"what", "tokenizer"}
# The estimators that draw on what a dataset of requests expects of its weights.
EXPECT = {"requests", "shrunk", "shrunk_least_squares"}
PACKAGE = ROOT / "src/token_approx"
OUTSIDE = {"pandas", "sklearn", "scipy", "mlflow", "pydantic", "jsonschema", "matplotlib"}
# The stage that a group belongs to; the others are train's.
STAGE = {
    "split_rule": "prepare",
    "counter": "label",
    "what": "measure",
    "tokenizer": "pretrain",
    "reader": "usage",
}
LEAVES = sorted(path.relative_to(ROOT / "conf") for path in (ROOT / "conf").glob("*/*.yaml"))


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


@pytest.mark.parametrize("stage", ["train", "prepare", "label", "usage", "evaluate", "score", "pretrain"])
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


@pytest.mark.parametrize(
    ("entry_point", "stage"),
    [
        ("main", "train"),
        ("prepare", "prepare"),
        ("label", "label"),
        ("usage", "usage"),
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
    assert defaults == {name: "" if value == [] else str(value) for name, value in given.items()}


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
