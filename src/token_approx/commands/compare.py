"""`token-approx compare`: what every estimate, and every exact tokenizer at hand, says of texts."""

import json
from collections.abc import Callable, Mapping, Sequence

import typer

from token_approx import exit_codes
from token_approx.commands.options import Coefs, Files, Json, Model, estimator
from token_approx.commands.texts import TextReader, notice, whole
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.shipped import shipped_families
from token_approx.reporting.peers import PEERS, TARGET, available

EXAMPLES = """\b
Examples:
  token-approx compare README.md
  token-approx compare a.py b.json --coefs calibrated --json

The exact tokenizers are those that are installed: pip install 'token-approx[benchmark]'
"""
RULE = "chars/4"
EXACT = ("tiktoken", "rs-bpe", "bpe-openai")
Count = Callable[[bytes], float]


def compare(
    names: Files = None,
    as_json: Json = False,
    model: Model = None,
    coefs: Coefs = None,
) -> int:
    """Count texts by every shipped model and by exact tokenizers.

    Prints a row for each way to count: characters / 4, every shipped model, and every exact tokenizer that is
    installed. Each text has a column, and so has the total of several texts. The last column shows how far
    the total is from the exact count of o200k_base. --model or --coefs adds a row.
    """
    counters = _counters()
    if model is not None or coefs is not None:
        counters[str(model or coefs)] = estimator(model, coefs).estimate
    texts: list[str] = []
    rows: dict[str, list[int]] = {name: [] for name in counters}
    reading = TextReader()
    for name, text in reading.each(names or [], whole):
        texts.append(name)
        for counter, counts in rows.items():
            counts.append(round(counters[counter](text)))
    if as_json:
        typer.echo(json.dumps({"files": texts, "tokens": rows}, indent=1))
    else:
        typer.echo(_table(texts, rows))
    return exit_codes.BAD_INPUT if reading.failed else exit_codes.DONE


def _counters() -> dict[str, Count]:
    loaded, absent = available({name: PEERS[name] for name in (RULE, *EXACT)})
    for name, reason in absent.items():
        notice(f"{name} is left out: {reason}")

    def of_string(name: str) -> Count:
        return lambda text: loaded[name](text.decode("utf-8", "replace"))

    estimates: dict[str, Count] = {name: Estimator.for_model(name).estimate for name in shipped_families()}
    exact = {_exact(name): of_string(name) for name in EXACT if name in loaded}
    return {RULE: of_string(RULE)} | estimates | exact


def _exact(name: str) -> str:
    return f"{TARGET}, exact ({name})"


def _table(texts: Sequence[str], rows: Mapping[str, Sequence[int]]) -> str:
    columns = [*texts, *(["total"] if len(texts) != 1 else [])]
    exact = next((sum(rows[_exact(name)]) for name in EXACT if _exact(name) in rows), 0)
    shown = [["", *columns, "off" if exact else ""]]
    for name, counts in rows.items():
        cells = [*counts, sum(counts)][: len(columns)]
        off = f"{sum(counts) / exact - 1:+.1%}" if exact and name in (RULE, TARGET) else ""
        shown.append([name, *(f"{cell:,}" for cell in cells), off])
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = (
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in shown
    )
    return "\n".join(line.rstrip() for line in lines)
