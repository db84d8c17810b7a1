"""Numbers in the JavaScript example's sentences: written as Python writes them."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from tests.conftest import ROOT


def test_four_digits_are_those_of_python() -> None:
    """Of ties the even digit is taken, large and small numbers get an exponent, and zeros at the end go."""
    node = shutil.which("node")
    if not node:
        assert not os.environ.get("CI"), "node is not installed"
        pytest.skip("node is not installed")
    ties = [1.5625, 1.5615234375, 0.15625, 15625.0, 12345.0, 12355.0, 3.0625, 2.00048828125]
    random = np.random.default_rng(3)
    drawn = [float(value) for value in random.integers(1, 2**20, 500) / 2.0 ** random.integers(0, 14, 500)]
    values = [*ties, *drawn, 0.0, 1.0, 99995.0, 1e-7, 2.5e9]
    code = """
const { four } = await import(process.argv[1])
console.log(JSON.stringify(JSON.parse(process.argv[2]).map(four)))
"""
    command = [
        node,
        "--input-type=module",
        "-e",
        code,
        (ROOT / "examples/javascript/model.mjs").as_uri(),
        json.dumps(values),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [f"{value:.4g}" for value in values]
