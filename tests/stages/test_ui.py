"""What a person finds in MLflow's UI after a run, in a real browser at a real server."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from playwright.sync_api import Page, Route, ViewportSize, expect, sync_playwright

from tests.conftest import write_records
from tests.lifecycle.serving import serving
from tests.stages.test_train import FAST, project
from token_approx.lifecycle.candidate_runs import RANK
from token_approx.lifecycle.views import run_address
from token_approx.reporting.report_page import REPORT

pytestmark = pytest.mark.slow

BROWSER = "chromium"
QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SIZE = ViewportSize(width=1600, height=1000)
RULE = "unseen_source/mae"
PATIENCE_MS = 30_000


@dataclass(frozen=True)
class Site:
    """A server with one run of the main job, a browser's page, and what the page asked of others."""

    address: str
    page: Page
    parent: Run
    candidates: list[Run]
    output: Path
    outside: list[str] = field(default_factory=list)

    @property
    def run_address(self) -> str:
        """Return the parent run's address."""
        info = self.parent.info
        return f"{self.address}/{run_address(info.experiment_id, info.run_id)}"

    def follow(self, link: str) -> Page:
        """Open the parent run, and follow a link of its description, which opens a page of its own."""
        self.page.goto(self.run_address)
        with self.page.expect_popup() as opened:
            note = self.page.get_by_test_id("note-editor-preview-content")
            note.get_by_role("link", name=link).click()
        return opened.value


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the main job on made records, serve its store, and open a browser kept to the loopback."""
    browser = shutil.which(BROWSER)
    if not browser:
        assert not os.environ.get("CI"), f"{BROWSER} is not installed"
        pytest.skip(f"{BROWSER} is not installed")
    folder = tmp_path_factory.mktemp("ui")
    records = write_records(folder / "records.jsonl", 60)
    done = project(
        folder, sys.executable, "-m", "token_approx.stages.train", "dataset=custom", f"records={records}",
        "features=bytes,words,bytes_words,basic", "estimator=ols,ridge", "selection.sane=false",
        *FAST.split(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    store = f"sqlite:///{folder}/mlflow.db"
    runs = MlflowClient(store).search_runs(["1"], order_by=[f"metrics.{RANK}"])
    (parent,) = (run for run in runs if "mlflow.parentRunId" not in run.data.tags)
    candidates = [run for run in runs if run is not parent]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--backend-store-uri", store]
    with serving(command, folder, environment, "/health") as address, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder / "browser", executable_path=browser, args=QUIET, viewport=SIZE
        )
        site = Site(address, context.pages[0], parent, candidates, folder / "project/results/custom")

        def loopback(route: Route) -> None:
            if route.request.url.startswith((address, "data:", "blob:")):
                route.continue_()
            else:
                site.outside.append(route.request.url)
                route.abort()

        context.route("**/*", loopback)
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(PATIENCE_MS)
        yield site
        context.close()


def test_the_leaderboard_is_one_click_away(site: Site) -> None:
    """The run's description leads to its candidates, the winner first, names uncut."""
    page = site.follow("Leaderboard")
    names = page.locator(".ag-pinned-left-cols-container [role=row] [col-id='attributes.`Run Name`']")
    expect(names).to_have_count(len(site.candidates))
    # A text that is wider than where it stands ends in dots.
    rows = sorted(
        names.locator("a span").evaluate_all(
            """texts => texts.map(text => [
                Number(text.closest('[role=row]').getAttribute('row-index')),
                text.innerText.trim(),
                text.scrollWidth <= text.clientWidth,
            ])"""
        )
    )
    assert [name for _, name, _ in rows] == [run.info.run_name for run in site.candidates]
    assert all(whole for *_, whole in rows)
    first = page.locator(f".ag-center-cols-container [row-index='0'] [col-id='metrics.`{RULE}`']")
    assert float(first.inner_text().rstrip("…")) == pytest.approx(
        site.candidates[0].data.metrics[RULE], abs=1e-3
    )
    metrics = [f"metrics.`{metric}`" for metric in (RULE, "test/mae")]
    for column in ("tags.`winner`", "tags.`eligible`", *metrics):
        header = page.locator(f".ag-header [role=columnheader][col-id='{column}']")
        expect(header).to_be_in_viewport(ratio=1)
    expect(page.get_by_text(f"Sort: {RANK}")).to_be_visible()


def test_learning_curves_are_compared(site: Site) -> None:
    """The description leads to one chart with the curves of the winner and the ten best."""
    winner = next(run for run in site.candidates if run.data.tags["winner"] == "true")
    assert winner is site.candidates[0]
    drawn = {run.info.run_id: run.info.run_name for run in site.candidates[:11]}
    page = site.follow("Learning curves")
    chart = page.locator(".js-plotly-plot").first
    # Beside each line with its points stands one without, for what smoothing leaves out.
    expect(chart.locator(".scatterlayer .trace:has(.points path)")).to_have_count(len(drawn))
    expect(page.get_by_text("learning_curve/cv_mae", exact=True).first).to_be_visible()
    for name in drawn.values():
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    box = chart.bounding_box()
    assert box
    assert box["width"] > 500
    assert box["height"] > 300


def test_the_version_shows_its_card(site: Site) -> None:
    """Alias, headings and aligned tables of the model card are read on the version's page, no markup."""
    page = site.page
    page.goto(f"{site.address}/#/models/token-approx-made-up/versions/1")
    expect(page.get_by_text("@ champion")).to_be_visible()
    expect(page.get_by_role("heading", name="Input tokens of made-up")).to_be_visible()
    for heading in ("Errors by size", "Bounds", "Known gaps", "Recalibrate"):
        expect(page.get_by_role("heading", name=heading)).to_have_count(1)
    bounds = page.locator("pre", has_text="95 % bound")
    head, *rows = bounds.inner_text().rstrip().splitlines()
    assert len(rows) >= 3
    assert {len(row) for row in rows} == {len(head)}
    expect(page.get_by_text("```")).to_have_count(0)


def test_the_report_opens_in_the_run(site: Site) -> None:
    """The description leads to the report, shown beside the run's files with its figures."""
    page = site.follow("Report")
    report = page.frame_locator("iframe")
    expect(report.get_by_role("heading", level=1)).to_have_text("Input tokens of made-up")
    assert (Path(site.parent.info.artifact_uri) / REPORT).read_bytes() == (site.output / REPORT).read_bytes()
    first = report.locator("img").first
    first.scroll_into_view_if_needed()
    assert first.evaluate("image => image.complete && image.naturalWidth") > 1000


def test_the_winner_s_figure_is_shown_whole(site: Site) -> None:
    """The description leads to the winner's run; its figure is as wide as the page has room for."""
    page = site.follow("The winner's own run")
    winner = next(run for run in site.candidates if run.data.tags["winner"] == "true")
    expect(page.get_by_role("heading", name=winner.info.run_name)).to_be_visible()
    # The page stands among those for training, not among those for traces.
    expect(page.get_by_role("link", name="Evaluation runs")).to_have_count(0)
    page.goto(f"{page.url.partition('?')[0]}/artifacts/figures/test_records.png")
    image = page.get_by_alt_text("figures/test_records.png")
    expect(image).to_be_in_viewport(ratio=1)
    box = image.bounding_box()
    assert box
    assert box["width"] > 500


def test_no_request_left_the_loopback(site: Site) -> None:
    """After all these pages, nothing was asked of another machine."""
    for path in ("", "/#/models", "/#/experiments/1"):
        site.page.goto(site.address + path)
        site.page.wait_for_load_state("networkidle")
    assert site.outside == []


def test_the_browser_is_kept_from_others(site: Site) -> None:
    """A request beyond the loopback would have been seen: this one is, and is aborted."""
    failed = site.page.evaluate("fetch('https://example.invalid/').then(() => false, () => true)")
    assert failed
    assert site.outside.pop() == "https://example.invalid/"
