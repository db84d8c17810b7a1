"""The figure of a labelling run: how long its samples are."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

BLUE, ORANGE = "#0072B2", "#E69F00"
BINS = 40


def sample_lengths(sample_bytes: Sequence[int], record_bytes: Sequence[int]) -> Figure:
    """Return the histogram of the samples' lengths in bytes on a logarithmic axis, and of those labelled."""
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    axes = figure.subplots()
    longest = max(sample_bytes)
    edges = np.geomspace(min(sample_bytes), longest + 1, BINS + 1)
    axes.hist(sample_bytes, bins=edges.tolist(), color=ORANGE, label=f"{len(sample_bytes)} samples")
    axes.hist(record_bytes, bins=edges.tolist(), color=BLUE, label=f"{len(record_bytes)} labelled")
    axes.set_xscale("log")
    axes.set(xlabel="length (bytes)", ylabel="samples")
    axes.set_title("Lengths of the samples")
    axes.legend()
    return figure
