"""Write requirements.lock, the exact versions that everything is tested with, and conda.yaml from it.

`uv` finds the versions within pyproject.toml's ranges, and keeps those that are in the lock unless it is
called with `--upgrade`. conda.yaml, which `mlflow run .` builds its environment from, has those of all extras
but `test`.

Usage: python .ci/lock.py [--upgrade]     (with uv: pip install uv)
       python .ci/lock.py --conda         (conda.yaml alone, from the lock as it is)
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
# A line of the lock: what is pinned, and after "# via" what needs it.
PIN = re.compile(r"(?P<name>[a-z0-9.-]+)==(?P<rest>.*?)\s*# via (?P<via>.*)")
COMPILE = ["uv", "pip", "compile", "pyproject.toml", "--extra", "test", "--annotation-style", "line"]
HEAD = """\
# Written by .ci/lock.py from requirements.lock; the pins of all extras but `test`.
name: token-approx
channels: [conda-forge]
dependencies:
  - python={python}
  - pip
  - pip:
"""


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return content


def name_of(requirement: str) -> str:
    """Return the normalised name of the distribution that a requirement names."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", found.group() if found else requirement).lower()


def least_python(content: dict[str, Any]) -> str:
    """Return the lowest Python that the project supports, such as 3.11."""
    return str(content["requires-python"]).removeprefix(">=")


def conda_yaml(content: dict[str, Any], lock: str) -> str:
    """Return the text of conda.yaml for a project and its lock."""
    extras = content["optional-dependencies"]
    direct = [*content["dependencies"]]
    direct += [entry for name, entries in extras.items() if name != "test" for entry in entries]
    pins = [found for line in lock.splitlines() if (found := PIN.fullmatch(line))]
    needed = closure(map(name_of, direct), pins)
    lines = (f"{pin['name']}=={pin['rest']}" for pin in pins if pin["name"] in needed)
    head = HEAD.format(python=least_python(content))
    return head + "".join(f"      - {repr(line) if ';' in line else line}\n" for line in lines)


def closure(direct: Iterable[str], pins: list[re.Match[str]]) -> set[str]:
    """Return the names of what is needed directly, or by something that is needed."""
    needed = set(direct)
    while True:
        more = {pin["name"] for pin in pins if needed & set(pin["via"].split(", "))} - needed
        if not more:
            return needed
        needed |= more


def main() -> None:
    """Write the files."""
    content = project()
    if "--conda" not in sys.argv:
        portable = ["--universal", "--python-version", least_python(content), "--quiet", "--no-header"]
        command = [*COMPILE, *portable, *sys.argv[1:], "--output-file", str(LOCK)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    (ROOT / "conda.yaml").write_text(conda_yaml(content, LOCK.read_text()))


if __name__ == "__main__":
    main()
