"""Measure what a plain installation brings, in a fresh environment, and hold it against the budgets.

Time is what the fastest of many processes takes to import the package and to estimate a text with one table:
`cpu_seconds` of the processor, `seconds` by the clock, which other work on the machine makes longer.

Usage: python .ci/install_budget.py WHEEL
       python .ci/install_budget.py       (the checkout; writes output/benchmark/install.json)
Exit code: 1 over a budget
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "output/benchmark/install.json"
BUDGETS = {"packages": 12, "megabytes": 120, "cpu_seconds": 0.15}
PROCESSES = 30
# What a new environment has before anything is installed.
TOOLS = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack")
PROGRAM = "from token_approx import Estimator; Estimator.for_model('o200k_base').estimate('How many tokens?')"


def main() -> None:
    """Print the figures and write them; exit with 1 if one is over its budget."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder, "environment"), *(sys.argv[1:] or [str(ROOT)]))
    if not sys.argv[1:]:
        OUT.write_text(json.dumps(found, indent=2) + "\n")
    # How busy a machine is decides on time: of a wheel that is only checked, it is shown.
    held = BUDGETS.keys() - ({"cpu_seconds"} if sys.argv[1:] else set())
    over = [name for name in BUDGETS if name in held and found[name] > BUDGETS[name]]
    for name, value in found.items():
        budget = f" (budget {BUDGETS[name]})" if name in BUDGETS else ""
        print(f"{name:12} {value}{budget}{' IS OVER ITS BUDGET' if name in over else ''}")
    sys.exit(bool(over))


def measure(environment: Path, package: str) -> dict[str, float | str]:
    """Install a package into a new environment, and return what that is and costs."""
    venv.create(environment, with_pip=True)
    python = str(next(environment.glob("bin/python")))
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", package], check=True)
    listed = subprocess.run([*pip, "list", "--format=json"], check=True, capture_output=True).stdout
    names = {entry["name"] for entry in json.loads(listed)} - set(TOOLS)
    (packages,) = environment.glob("lib/python*/site-packages")
    bytes_ = sum(
        path.stat().st_size
        for path in packages.rglob("*")
        if path.is_file() and not path.relative_to(packages).parts[0].startswith(TOOLS)
    )
    times = [process_time([python, "-c", PROGRAM]) for _ in range(PROCESSES)]
    return {
        "packages": len(names),
        "megabytes": round(bytes_ / 1e6, 1),
        "cpu_seconds": round(min(cpu for cpu, _ in times), 3),
        "seconds": round(min(clock for _, clock in times), 3),
        "python": platform.python_version(),
    }


def process_time(command: list[str]) -> tuple[float, float]:
    """Return the seconds that a process takes, of the processor and by the clock."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - started


if __name__ == "__main__":
    main()
