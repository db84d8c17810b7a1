"""The main job, run as a user runs it, in a store of its own."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from tests.conftest import ROOT
from token_approx.estimator.estimator import Estimator
from token_approx.stages import train
from token_approx.stages.command_line import CONF
from token_approx.stages.overrides import expand

FIGURES = {
    "estimate_vs_truth", "residuals", "absolute_error", "learning_curve", "candidates_ranked",
    "feature_correlation", "feature_scatter", "coverage", "guard", "ablation", "influence",
}  # fmt: skip
FAST = "cross_validation.repeats=1 learning_curve.sizes=3 learning_curve.repeats=1 bootstrap.resamples=50"


def project(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a SQLite store below tmp_path and the interpreter's folder first in PATH."""
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    copy = tmp_path / "project"
    if not copy.exists():
        for name in ("conf", "src", "output"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("MLproject", "conda.yaml"):
            shutil.copy(ROOT / name, copy / name)
    return subprocess.run(arguments, cwd=copy, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    """Return a client of the temporary store."""
    return MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")


def _dataset_name(run: Run) -> str:
    assert run.inputs
    return str(run.inputs.dataset_inputs[0].dataset.name)


def test_mlflow_run_end_to_end(tmp_path: Path, client: MlflowClient) -> None:
    """`mlflow run` reproduces the original, and leaves runs, figures, tables, a model and files behind."""
    done = project(
        tmp_path, "mlflow", "run", ".", "--env-manager", "local", "--experiment-name", "token-approx",
        "-P", "dataset=oliver-twist", "-P", "features=subsets", "-P", "estimator=ols",
        "-P", f"overrides={FAST} promotion.when=better",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], max_results=100)
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    children = {run.info.run_name: run for run in runs if run is not parent}
    assert len(children) == 15
    assert all(child.data.tags["mlflow.parentRunId"] == parent.info.run_id for child in children.values())
    assert {run.info.status for run in runs} == {"FINISHED"}

    both = children["ols · bytes_words"].data
    assert children["ols · bytes"].data.metrics["test/mae"] == pytest.approx(154.600783, abs=1e-6)
    assert both.metrics["test/mae"] == pytest.approx(128.641883, abs=1e-6)
    assert both.metrics["test/p95_abs_error"] == pytest.approx(265.69, abs=0.005)
    assert both.metrics["unseen_source/mape"] > 4
    assert both.params == {"estimator": "ols", "feature_set": "bytes_words", "features": "bytes words"}
    curve = client.get_metric_history(children["ols · basic"].info.run_id, "learning_curve/cv_mae")
    assert [point.step for point in curve] == [6, 11, 16]
    assert _dataset_name(children["ols · basic"]) == "oliver-twist"

    def artifacts(run_id: str, folder: str) -> set[str]:
        return {Path(file.path).name for file in client.list_artifacts(run_id, folder)}

    output = tmp_path / "project/results/oliver-twist"
    winner = next(run for run in children.values() if run.data.tags["winner"] == "true")
    assert artifacts(winner.info.run_id, "figures") == {"test_records.png"}
    assert artifacts(winner.info.run_id, "tables") == {
        "coefficients.csv", "learning_curve.csv", "unseen_sources.csv",
    }  # fmt: skip
    for folder in ("figures", "tables"):
        written = {path.name for path in (output / folder).iterdir()}
        assert artifacts(parent.info.run_id, folder) == written
    assert {path.stem for path in (output / "figures").iterdir()} >= FIGURES
    assert (
        parent.data.metrics["test/mae_low"]
        <= parent.data.metrics["test/mae"]
        <= parent.data.metrics["test/mae_high"]
    )
    assert parent.data.metrics["cv/mae"] == winner.data.metrics["cv/mae"]

    page = (output / "report.html").read_text()
    assert len(page) < 1_500_000
    assert set(re.findall(r"base64,([^\"]*)", page)) == {
        base64.b64encode(path.read_bytes()).decode() for path in (output / "figures").iterdir()
    }
    coefs = json.loads((output / "model_coefs.json").read_text())
    assert coefs["provenance"]["run_id"] == parent.info.run_id
    assert coefs["provenance"]["registered_version"] == "1"
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    model = mlflow.pyfunc.load_model("models:/token-approx-claude-3-7-sonnet-latest@champion")
    texts = ["", "The boats were coming in, one after the other. " * 700]
    estimator = Estimator.load(output / "model_coefs.json")
    golden = output / "golden_vectors.json"
    assert golden.stat().st_mtime_ns >= (output / "model_coefs.json").stat().st_mtime_ns, (
        "written by this run"
    )
    for vector in json.loads(golden.read_bytes())["vectors"]:
        assert vector["linear_sum"] == estimator.linear_sum(vector["features"])
    answer = model.predict(texts)
    assert answer["input_tokens"].tolist() == [estimator.estimate(text) for text in texts]
    assert answer["in_domain"].tolist() == [not estimator.out_of_domain(text) for text in texts]
    local = mlflow.artifacts.download_artifacts(f"models:/{client.search_registered_models()[0].name}/1")
    kept = {path.suffix for path in Path(local).rglob("*")}
    assert not kept & {".pkl", ".pickle", ".joblib"}
    assert "mlflow ui --backend-store-uri" in done.stdout


def test_few_records_give_a_champion_that_serves(
    tmp_path: Path, make_records: Callable[..., Path], client: MlflowClient
) -> None:
    """With 22 records, 17 of them for training, it answers at 95 %; its files are the run's artifacts."""
    records = make_records(22)
    done = project(
        tmp_path, sys.executable, "-m", "token_approx.stages.train", "dataset=custom", f"records={records}",
        "features=bytes", "estimator=ols_origin", "selection.sane=false", *FAST.split(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    output = tmp_path / "project/results/custom"
    coefs = json.loads((output / "model_coefs.json").read_text())
    assert {line["confidence"] for line in coefs["upper_bound"]} == {0.8, 0.9, 0.95}
    assert coefs["metrics"]["training_records"] == 17
    assert "17 training records, widened" in (output / "report.html").read_text()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    name = coefs["provenance"]["registered_model"]
    version = client.get_model_version_by_alias(name, "champion")
    assert version.run_id == coefs["provenance"]["run_id"], "the version is linked to the run"
    text = "The boats were coming in. " * 200
    estimator = Estimator.load(output / "model_coefs.json")
    answer = mlflow.pyfunc.load_model(f"models:/{name}@champion").predict([text])
    assert answer["input_tokens"].item() == estimator.estimate(text)
    assert len(estimator.truncate(text, 100)) < len(text)
    assert estimator.decide(text, 10**9) == "fits"
    artifacts = {file.path for file in client.list_artifacts(coefs["provenance"]["run_id"])}
    assert {path.name for path in output.iterdir()} - {".written.json"} <= artifacts


def test_plain_python_custom_records_and_optuna(
    tmp_path: Path, make_records: Callable[..., Path], client: MlflowClient
) -> None:
    """Plain python makes its own experiment; any feature and any name works; trials show their state."""
    path = make_records(40)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path = tmp_path / "my own, records.jsonl"
    # Names that a drawing might take for a formula, or hide; and a feature that is no shipped table's.
    odd = [
        line | {"features": line["features"] | {"ngram_mine": 2}, "source": f"_{line['source']}$^$"}
        for line in lines
    ]
    path.write_text("\n".join(map(json.dumps, odd)))
    done = project(
        tmp_path, sys.executable, "-m", "token_approx.stages.train", "dataset=custom", f"records={path}",
        "features=all,bytes", "estimator=ols,ridge", "search=optuna", "trials=12",
        "selection.sane=false", *FAST.split(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = "The winner is not registered: it weighs 'ngram_mine', which cannot be computed from a text.\n"
    assert done.stderr == told, "nothing else, and nothing noisy"
    assert not client.search_registered_models()
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    runs = client.search_runs([experiment.experiment_id], "tags.mlflow.parentRunId != ''")
    assert len(runs) == 2 + 12
    states = {(run.data.tags["state"], run.info.status) for run in runs}
    assert states <= {("complete", "FINISHED"), ("pruned", "FINISHED"), ("duplicate", "FINISHED")}
    assert all(("pruned" in run.info.run_name) == (run.data.tags["state"] == "pruned") for run in runs)
    assert sum("trial" in run.info.run_name for run in runs) == 12
    assert "ngram_mine" in next(
        run.data.params["features"] for run in runs if run.data.params["feature_set"] == "all"
    )


def test_multirun(tmp_path: Path, client: MlflowClient) -> None:
    """A Hydra multirun makes one parent run per combination."""
    done = project(
        tmp_path, sys.executable, "-m", "token_approx.stages.train",
        "-m", "features=bytes,words", "estimator=ols", "register=false", *FAST.split(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    experiment = client.get_experiment_by_name("token-approx")
    assert experiment
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert {run.data.params["features"] for run in parents} == {"bytes", "words"}
    assert len(runs) == 4
    assert not client.search_registered_models()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["dataset=oliver"],
            "unknown dataset=oliver (did you mean oliver-twist?). Valid names: claude-3-7-sonnet,",
        ),
        (
            ["estimator=[ols,rigde]"],
            "unknown estimator=rigde (did you mean ridge?). Valid names: default, elastic_net,",
        ),
        (
            ["fetures=bytes"],
            "unknown fetures (did you mean features?). Valid names: bootstrap, bounds, candidate_figures,",
        ),
        (
            ["selection.margn=0.1"],
            "unknown selection.margn (did you mean margin?). Valid names in selection: by, margin,",
        ),
        (["estimator.ridge.hyperparameters.alpha.hihg=3"], "(did you mean high?)"),
        (["trials"], "trials is not name=value. Write, for example, seed=1"),
        (["--datset", "custom"], "unknown parameter datset (did you mean dataset?). Valid names: bootstrap,"),
        (["overrides=nonsense"], "'nonsense' is not name=value. Write overrides='seed=1 workers=2'"),
        (["overrides=seed='"], "a quote is opened and not closed. Write overrides="),
        (
            ["features=byts"],
            "unknown features=byts (did you mean bytes?). Valid values: default, all, subsets,",
        ),
        (["publish=true", "dataset=custom", "records=x"], "this dataset has no reference results"),
        (["output=README.md/x"], "README.md/x/.written.json cannot be written (Not a directory)"),
        (["dataset=custom"], "Give records=<path>"),
        (["dataset=custom", "records=none.jsonl"], "none.jsonl: the records cannot be read"),
        (["split=by_source"], "Name test sources out of oliver-twist, war-and-peace"),
        (["dataset.langs=[de]"], "no record has the lang 'de'. Valid values: en, fr"),
        (
            ["dataset=claude-3-7-sonnet-all", "cross_validation.folds=500"],
            "fewer than cross_validation.folds=500",
        ),
        (["cross_validation.folds=1"], "cross_validation.folds=1"),
        (["workers=0"], "workers=0"),
        (["selection.by=luck"], "selection.by=luck is unknown. Valid values: unseen_source, cv"),
        (
            ["bounds.levels=[0.999]", *FAST.split(), "estimator=ols", "features=bytes"],
            "needs 999 records, and there are 91. Ask for a lower level",
        ),
        (["bounds.levels=[95]"], "95 is not a level between 0 and 1"),
        (["seed=x"], "seed=x is not a whole number"),
        (["study=team"], "study has no use with search=grid. Give search=optuna"),
        (
            ["search=optuna", "search.storage=postgresql://me:hush@host/studies"],
            "search.storage=postgresql://me:***@host/studies: a password must not be there. Give the URL in",
        ),
        (
            ["search=optuna", "search.grace_period=5"],
            "search.heartbeat_interval=5 is not between 0 s and search.grace_period",
        ),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong with the command line, it ends with one line that helps, and exit code 1 or 64."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", ["train", "register=false", *arguments])
    with pytest.raises(SystemExit) as ended:
        train.main()
    printed = capsys.readouterr()
    assert ended.value.code in (1, 64)
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("stage", "given", "expanded"),
    [
        ("train", ["overrides="], []),
        ("train", ["overrides=seed=1 records='x y'"], ["seed=1", "records='x y'"]),
        ("train", ["estimator=ols,ridge", "features=bytes"], ["estimator=[ols,ridge]", "features='bytes'"]),
        ("train", ["features=bytes,words"], ["features='bytes,words'"]),
        ("train", ["seed=1", "-m", "estimator=ols,ridge"], ["-m", "estimator=ols,ridge", "seed=1"]),
        ("train", ["estimator=[ols,ridge]"], ["estimator=[ols,ridge]"]),
        ("train", ["records=/a b/it's,1=2.jsonl"], [r"records='/a b/it\'s,1=2.jsonl'"]),
        ("train", ["study=007", "storage=null"], ["study='007'", "storage='null'"]),
        ("train", ["search=optuna", "search.study=1"], ["search=optuna", "search.study='1'"]),
        ("train", ["+dataset.sources=[a]", "~publish"], ["+dataset.sources=[a]", "~publish"]),
        ("label", ["counter=openai", "counter.base_url=http://x/?a=1&b=(2)"],
         ["counter=openai", "counter.base_url='http://x/?a=1&b=(2)'"]),
        ("pretrain", ["documents=/a b.parquet,c.jsonl"], ["documents=['/a b.parquet','c.jsonl']"]),
        ("pretrain", ["documents="], ["documents=[]"]),
    ],
)  # fmt: skip
def test_arguments_become_overrides(stage: str, given: list[str], expanded: list[str]) -> None:
    """Lists, paths, texts that look like numbers and bundled overrides reach Hydra in its own grammar."""
    made = [argument for argument in expand(CONF, stage, given) if not argument.startswith("hydra")]
    assert sorted(made) == sorted(expanded)
    assert "-m" not in made[1:], "Hydra reads no flag after an override"
