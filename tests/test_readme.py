"""The tables of the README and of docs/ are what output/ holds: a command writes them into the pages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from token_approx.benchmarks import documentation

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_tables_are_what_the_command_writes() -> None:
    """Cog changes none of the pages; if this fails: python -m cogapp -r README.md docs/*.md."""
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", *map(str, PAGES)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    used = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    makers = set(re.findall(r"documentation\.(\w+)\(\)", used))
    assert {"results", "request_results", "speed", "install", "tables", "bounds", "original"} <= makers


def test_a_changed_figure_is_found(tmp_path: Path) -> None:
    """The check fails where a table is not the one that output/ gives."""
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- [[[cog\nfrom token_approx.benchmarks import documentation\n"
        "cog.out(documentation.original())\n]]] -->\n| a |\n<!-- [[[end]]] -->\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", str(page)], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode != 0


def test_the_original_s_figures() -> None:
    """The published errors stand beside ours, equal to the seven digits that a table holds."""
    rows = {line.split(" | ")[0].strip("| "): line for line in documentation.original().splitlines()}
    assert "| 154.600783 | 154.6008 |" in rows["bytes"]
    assert "| 128.641883 | 128.6419 |" in rows["bytes words"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_are_readable(page: Path) -> None:
    """Outside of tables and blocks no line is longer than 160 columns; every link leads somewhere."""
    text = page.read_text(encoding="utf-8")
    prose = [line for line in text.splitlines() if not line.startswith(("|", "    ", "!", "1.", "2."))]
    assert max(map(len, prose)) <= 160
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", text):
        assert target.startswith("http") or (page.parent / target).exists(), target
