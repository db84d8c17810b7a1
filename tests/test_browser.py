"""The browser's page, built and opened as a visitor would: from a file, in Chromium, without a network."""

import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import ROOT
from tests.requests.test_formats import ALL, ANTHROPIC, PIXEL
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.shipped import DEFAULTS, shipped_families
from token_approx.lifecycle.golden_texts import golden_texts
from token_approx.text.counts import encode

pytestmark = pytest.mark.slow

QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync")
PATIENCE_MS = 60_000
MEGABYTE = 1_000_000
# Milliseconds per key in the page's own scripts; 1 or 2 are usual.
MOST_PER_KEY = 50
KEYS = 12


@dataclass(frozen=True)
class Site:
    """The page in a browser, what it asked for, and what went wrong in it."""

    browser: Browser
    address: str
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def open(self, width: int = 1280, scheme: Any = "light") -> Page:  # noqa: ANN401 - one of two words
        """Open the page anew."""
        context = self.browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.address)
        return page


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Build the page as documented and open a browser; in the end, nothing was asked of others."""
    program = shutil.which("chromium")
    if not program:
        assert not os.environ.get("CI"), "chromium is not installed"
        pytest.skip("chromium is not installed")
    out = tmp_path_factory.mktemp("browser") / "token-approx.html"
    # -S: without site-packages, as in a clone where nothing is installed.
    command = [sys.executable, "-S", str(ROOT / "examples/browser/build.py"), str(out)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(command, check=True, env=environment, cwd=out.parent)
    assert out.stat().st_size < 8 * MEGABYTE
    expect.set_options(PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        site = Site(browser, out.as_uri())
        yield site
        browser.close()
    assert not site.errors
    assert site.asked
    assert all(url == site.address or url.startswith("blob:null/") for url in site.asked)


def said_of(page: Page, inputs: list[str], kind: str, models: list[str]) -> list[Any]:
    """Return what the page's worker says of each text or request, for all of the models."""
    script = """async ([inputs, kind, models]) => {
        const said = [];
        for (const text of inputs) said.push(await tokenApprox(JSON.parse(text), kind, models));
        return JSON.stringify(said);
    }"""
    # As JSON in ASCII, which carries lone surrogates.
    return list(json.loads(page.evaluate(script, [[json.dumps(text) for text in inputs], kind, models])))


def test_golden_texts_are_equal(site: Site) -> None:
    """Of every golden text that is a string, for every family: features, sum, estimate, bounds and domain."""
    texts = [golden.text for golden in golden_texts() if isinstance(golden.text, str) and golden.times == 1]
    families = shipped_families()
    said = said_of(site.open(), texts, "text", families)
    for place, family in enumerate(families):
        estimator = Estimator.for_model(family)
        for text, answer in zip(texts, said, strict=True):
            found = answer["results"][place]
            features = estimator.domain_features(text)
            total = estimator.total([estimator.of_features(features)])
            assert found["said"]["features"] == features
            assert found["said"]["linear_sum"] == estimator.linear_sum(features)
            assert found["outside"] == total.out_of_domain
            upper = total.upper_bound(0.95)
            expected = (total.tokens, upper if math.isfinite(upper) else None, total.lower_bound(0.95))
            assert (found["tokens"], found["upper"], found["lower"]) == expected
            assert answer["bytes"] == len(encode(text))
    assert len(texts) > 50


def test_golden_requests_are_equal(site: Site) -> None:
    """Of requests in every format, for every family with a model of requests: all that is shown."""
    families = sorted(path.stem for path in (DEFAULTS / "requests").glob("*.json"))
    bodies = [json.dumps(body) for body in ALL.values()]
    said = said_of(site.open(), bodies, "auto", families)
    for place, family in enumerate(families):
        estimator = Estimator.for_model(family)
        for body, answer in zip(bodies, said, strict=True):
            found, total = answer["results"][place], estimator.request(body, model=family)
            assert answer["kind"] == "request"
            assert found["tokens"] == total.tokens
            assert found["parts"] == total.parts
            assert found["not_counted"] == list(total.not_counted)
            if total.out_of_domain or found["foreign"]:
                assert (found["upper"], found["lower"]) == (None, 0)
            else:
                assert (found["upper"], found["lower"]) == (total.upper_bound(0.95), total.lower_bound(0.95))
            if not total.out_of_domain:
                assert found["said"]["upper_bound"]["0.95"] == total.upper_bound(0.95)


def test_a_visitor_s_way_through_the_page(site: Site) -> None:
    """By keyboard alone: a text, a model by a cloud's name, a window, a price; all is said."""
    page = site.open()
    estimator = Estimator.for_model("claude-sonnet-5")
    text = "The boats were coming in, one after the other. " * 40
    page.get_by_label("Text, or the JSON body of a request").fill(text)
    page.get_by_label("Search for a model").fill("us.anthropic.claude-sonnet-5-20260101-v1:0")
    expect(page.locator("#found")).to_have_text("Counted as claude-sonnet-5.")
    page.get_by_label("Search for a model").press("Enter")
    card = page.get_by_role("listitem", name="claude-sonnet-5")
    expect(card.locator(".tokens")).to_have_text(f"about {estimator.estimate(text):,} tokens")
    expect(card.locator(".bound")).to_have_text(f"at most {estimator.upper_bound(text):,} (95 % sure)")
    expect(card.locator(".badge")).to_have_text("✓ fits")
    page.get_by_label("Window, in tokens").fill("100")
    expect(card.locator(".badge")).to_have_text("✕ exceeds")
    page.get_by_label("Window, in tokens").fill(str(estimator.estimate(text)))
    expect(card.locator(".badge")).to_have_text("? ask")
    page.get_by_label("Window, in tokens").fill("many")
    expect(page.locator("#window-help")).to_have_text("Enter a whole number of tokens, such as 200000.")
    card.get_by_label("$ per million").fill("1000000")
    expect(card.get_by_role("status")).to_have_text(
        f"costs ${estimator.estimate(text)}.00, at most ${estimator.upper_bound(text)}.00"
    )
    expect(page.locator("#summary")).to_contain_text(
        f"claude-sonnet-5: about {estimator.estimate(text):,} tokens"
    )
    card.get_by_role("button", name="Remove claude-sonnet-5").click()
    expect(page.get_by_role("listitem", name="claude-sonnet-5")).to_have_count(0)


def test_a_request_shows_its_parts_and_what_is_not_counted(site: Site) -> None:
    """A request with an image by URL: its parts, what is not counted, no `fits`."""
    page = site.open()
    image = {"type": "image", "source": {"type": "url", "url": "https://nowhere.invalid/a"}}
    body = {**ANTHROPIC, "model": "claude-opus-5", "messages": [{"role": "user", "content": [image]}]}
    page.get_by_label("Text, or the JSON body").fill(json.dumps(body))
    total = Estimator.for_model("claude-opus-5").request(body)
    expect(page.locator("#not-counted li")).to_have_text(list(total.not_counted))
    for part, tokens in total.parts.items():
        cells = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=part, exact=True))
        if tokens:
            expect(cells.get_by_role("cell").first).to_have_text(f"{tokens:,}")
    expect(page.get_by_role("listitem", name="claude-opus-5").locator(".badge")).to_have_text("? ask")
    # An image in base64 is measured by its header, as the package does.
    image["source"] = {"type": "base64", "data": PIXEL}
    page.get_by_label("Text, or the JSON body").fill(json.dumps(body))
    tokens = Estimator.for_model("claude-opus-5").request(body).tokens
    expect(page.locator("#not-counted li")).to_have_count(0)
    expect(page.get_by_role("listitem", name="claude-opus-5").locator(".tokens")).to_have_text(
        f"about {tokens} tokens"
    )


@pytest.mark.parametrize(
    ("kind", "pasted", "sentence"),
    [
        ("Request", '{"messages": [}', "a value is expected in line 1, column 15"),
        ("Request", '{"a": 1}', "none of the fields messages, input and contents"),
        ("Request", "[" * 300, "nested more than 200 levels deep"),
        ("Request", "", "There is no request here yet."),
        ("Detect", '{"messages": [}', "it begins like JSON. The request is not valid JSON"),
        ("Detect", '{"name": "package"}', "this JSON has none of a request's fields"),
    ],
)
def test_what_is_no_request_gets_a_sentence(site: Site, kind: str, pasted: str, sentence: str) -> None:
    """Broken or unknown JSON ends in a plain sentence, as an error where a request was announced."""
    page = site.open()
    page.get_by_text(kind, exact=True).click()
    page.get_by_label("Text, or the JSON body").fill(pasted)
    expect(page.locator("#error" if kind == "Request" else "#read")).to_contain_text(sentence)


def test_nothing_that_is_pasted_becomes_html(site: Site) -> None:
    """Markup in a text, a model's name, a field's name or a type is shown as it is, and runs nothing."""
    page = site.open()
    markup = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"
    body = {
        "model": markup,
        "messages": [{"role": "user", "content": [{"type": markup, "k": markup}]}],
        markup: "t",
    }
    page.get_by_label("Text, or the JSON body").fill(json.dumps(body))
    expect(page.locator("#not-counted li").first).to_contain_text("<img src=x")
    expect(page.locator("#read")).to_contain_text("<script>")
    assert page.locator("img").count() == 0
    assert "run" not in page.title()


def test_typing_into_a_megabyte_does_not_wait(site: Site) -> None:
    """Of a key in a text of 1 MB the page's own scripts hold the window up for a fraction of 100 ms.

    The rest is the browser's: it lays its field out anew for each key, whoever listens.
    """
    rng = random.Random(3)  # noqa: S311 - no secret
    words = ["boats", "were", "counted", "{", "}", "0x3f", "the", "one after the other", ".\n"]
    piece = " ".join(rng.choices(words, k=MEGABYTE // 400))
    times = MEGABYTE // len(encode(piece)) + 1
    page = site.open()
    field = page.locator("#text")
    # As pasted: Playwright's own way takes a minute for it.
    script = """(field, [piece, times]) => {
        field.value = piece.repeat(times);
        field.dispatchEvent(new Event('input'));
    }"""
    field.evaluate(script, [piece, times])
    field.press("Control+End")
    expect(page.locator("#read")).to_contain_text("bytes")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def spent() -> dict[str, float]:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return {entry["name"]: 1000 * entry["value"] / KEYS for entry in metrics}

    before = spent()
    for _ in range(KEYS):
        field.press("a")
    tokens = Estimator.for_model("claude-opus-5").estimate(piece * times + "a" * KEYS)
    # The estimate of the last key is shown, so that its cost is among the keys'.
    expect(page.locator(".tokens").first).to_have_text(f"about {tokens:,} tokens")
    after = spent()
    own, whole = (after[name] - before[name] for name in ("ScriptDuration", "ThreadTime"))
    print(f"per key: {own:.1f} ms in the page's scripts, {whole:.1f} ms of the processor in all")  # noqa: T201
    assert own < MOST_PER_KEY


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_readable_at_any_width_and_in_the_dark(site: Site, width: int, scheme: str) -> None:
    """Nothing is wider than the window, fields have labels, and texts stand out from what is behind."""
    page = site.open(width, scheme)
    page.get_by_role("button", name="a request with a tool").click()
    expect(page.locator("#not-counted li")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(
        "[...document.querySelectorAll('input, textarea')].every((one) => one.labels.length > 0)"
    )
    assert float(page.evaluate(LEAST_CONTRAST)) >= 4.5  # WCAG 2, level AA


# The least ratio of luminance between a visible text and the nearest background behind it.
LEAST_CONTRAST = """() => {
    const numbers = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = (color) => numbers(color).slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (one) => {
        for (; one; one = one.parentElement) {
            const color = getComputedStyle(one).backgroundColor;
            if (numbers(color)[3] !== 0) return color;
        }
        return "rgb(255, 255, 255)";
    };
    const shown = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
        && [...one.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
    return Math.min(...shown.map((one) => {
        const [high, low] = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => b - a);
        return (high + 0.05) / (low + 0.05);
    }));
}"""
