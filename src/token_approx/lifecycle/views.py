"""What the MLflow UI shows of a run: views of its candidates, and a description that leads to them."""

import json
from typing import Any

import mlflow
from matplotlib import colormaps
from matplotlib.colors import to_hex
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from token_approx.lifecycle.candidate_runs import RANK

# The experiment's tag that says which of its two interfaces the UI opens: for training, or for traces.
KIND, TRAINING = "mlflow.experimentKind", "custom_model_development"
GUESSED = ("", "no_inferred_type", "genai_development_inferred", "custom_model_development_inferred")
CURVE = "learning_curve/cv_mae"
BASES = ("unseen_source", "test", "cv")
METRICS = ("mae", "mape")
# More lines than colours that are told apart would be no comparison.
COLOURS = [to_hex(colormaps["tab10"](number)) for number in range(10)]
WINNER_COLOUR = "#000000"
NAME = "attributes.`Run Name`"
# The two columns that the table always has; they say least, and stand last where they can be moved.
CREATED, DURATION = "runDateAndNestInfo", "duration"
# Pixels: the longest name of the default candidates, the metrics' headers, a flag's first words.
NAME_WIDTH = 330
METRIC_WIDTHS = {"unseen_source": 138, "test": 82, "cv": 76}


def run_address(experiment: str, run_id: str, page: str = "") -> str:
    """Return a run's address at the server, among the pages for training: the others are for traces."""
    return f"#/experiments/{experiment}/runs/{run_id}{page}?workflowType=machine_learning"


def share_leaderboard(run: Run, by: str, report: str) -> str:
    """Leave views of a run's candidates, and a description of the run that links to them.

    One is the table of all candidates: the winner, the others that may be chosen sorted by the metric `by`,
    then the rest; its address at the server is returned. The other draws the learning curves of the winner
    and the ten best besides it. `report` is the path of an artifact that the description links to as well.
    The tags and the addresses are what the UI's "share" button makes.
    """
    run_id, experiment = run.info.run_id, run.info.experiment_id
    winner, drawn = _drawn(run)
    views = {run_id: _table(run_id, by), f"{run_id}-curves": _charts(drawn, by)}
    for key, view in views.items():
        mlflow.set_experiment_tag(f"mlflow.sharedViewState.{key}", json.dumps(view))
    # What a person chose stays; without a kind, the UI opens its pages for traces.
    if mlflow.get_experiment(experiment).tags.get(KIND, "") in GUESSED:
        mlflow.set_experiment_tag(KIND, TRAINING)
    runs = f"#/experiments/{experiment}/runs"
    leaderboard, curves = (f"{runs}?workflowType=machine_learning&viewStateShareKey={key}" for key in views)
    links = {
        f"Leaderboard: the winner, then all candidates by {by}": leaderboard,
        "Learning curves: the winner and the ten best": f"{curves}&compareRunsMode=CHART",
        "Report": run_address(experiment, run_id, f"/artifacts/{report}"),
        "The winner's own run": run_address(experiment, winner),
    }
    # Longer than four lines, it is folded.
    mlflow.set_tag(MLFLOW_RUN_NOTE, "\n".join(f"- [{text}]({address})" for text, address in links.items()))
    return leaderboard


def _drawn(run: Run) -> tuple[str, list[str]]:
    """Return the run of the winner, and those whose curves are drawn, which get a colour each."""
    client, experiments = MlflowClient(), [run.info.experiment_id]
    candidates = f"tags.{MLFLOW_PARENT_RUN_ID} = '{run.info.run_id}' AND tags.state = 'complete'"
    best = client.search_runs(
        experiments, candidates, order_by=[f"metrics.{RANK}"], max_results=1 + len(COLOURS)
    )
    winner, *others = best
    colours = {each.info.run_id: colour for each, colour in zip(others, COLOURS, strict=False)}
    colours[winner.info.run_id] = WINNER_COLOUR
    for run_id, colour in colours.items():
        client.set_tag(run_id, "mlflow.runColor", colour)
    return winner.info.run_id, list(colours)


def _table(run_id: str, by: str) -> dict[str, Any]:
    basis, metric = by.split("/")
    # What marks the winner stands beside its name.
    widths: dict[str, int] = {NAME: NAME_WIDTH, "tags.`winner`": 75, "tags.`eligible`": 70} | {
        f"metrics.`{each}/{of}`": METRIC_WIDTHS[each]
        for of in sorted(METRICS, key=lambda of: of != metric)
        for each in sorted(BASES, key=lambda each: each != basis)
    }
    # The title says what the name says, in words: a table of usual width shows the metrics before it.
    widths["tags.`title`"] = NAME_WIDTH
    widths |= {"tags.`flags`": 400, f"metrics.`{RANK}`": 60}
    return {
        "searchFilter": f"tags.{MLFLOW_PARENT_RUN_ID} = '{run_id}'",
        "orderByKey": f"metrics.`{RANK}`",
        "orderByAsc": True,
        "selectedColumns": list(widths)[1:],
        "columnOrder": [*widths, CREATED, DURATION],
        "columnWidths": widths | {CREATED: 140, DURATION: 80},
    }


def _charts(drawn: list[str], by: str) -> dict[str, Any]:
    section = {
        "uuid": "curves",
        "name": "MAE against training records",
        "display": True,
        "isReordered": False,
        "columns": 1,
        "cardHeight": 560,
    }
    return {
        # The UI keeps pinned and hidden runs to each user: what is drawn has to be what is found.
        "searchFilter": f"attributes.run_id IN ({', '.join(repr(run_id) for run_id in drawn)})",
        "orderByKey": f"metrics.`{by}`",
        "orderByAsc": True,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": [section],
        "compareRunCharts": [
            {
                "type": "LINE",
                "uuid": "learning-curve",
                "metricSectionId": section["uuid"],
                "metricKey": CURVE,
                "selectedMetricKeys": [CURVE],
                "xAxisKey": "step",
                "xAxisScaleType": "linear",
                "scaleType": "linear",
                "yAxisKey": "metric",
                "lineSmoothness": 0,
                "range": {},
                "displayPoints": True,
                "deleted": False,
                "isGenerated": False,
            }
        ],
        # The sections that the UI adds for the other metrics come after this one.
        "isAccordionReordered": True,
    }
