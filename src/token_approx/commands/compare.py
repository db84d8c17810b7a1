"""`token-approx compare`: what every estimate, and every exact tokenizer at hand, says of texts."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import typer

from token_approx import exit_codes
from token_approx.commands.options import Coefs, Files, Json, Model, estimator
from token_approx.commands.tables import as_text
from token_approx.commands.texts import TextReader, notice, whole
from token_approx.errors import InputError, MissingExtraError
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.exact import exact_tokenizer
from token_approx.estimator.shipped import shipped_families
from token_approx.reporting.peers import PEERS, TARGET, available

EXAMPLES = """\b
Examples:
  token-approx compare README.md
  token-approx compare a.py b.json --coefs calibrated --json

The exact tokenizers are those that are installed: pip install 'token-approx[benchmark,ctok]'
"""
RULE = "chars/4"
EXACT = ("tiktoken", "rs-bpe", "bpe-openai")
# Between what an exact tokenizer counts for and its library, in a row's name.
SEPARATOR = ", exact ("
Count = Callable[[bytes], float]


def compare(
    names: Files = None,
    as_json: Json = False,
    model: Model = None,
    coefs: Coefs = None,
) -> int:
    """Count texts by every shipped model and by exact tokenizers.

    Prints a row for each way to count: characters / 4, every shipped model, and every exact tokenizer that is
    installed, or whose tokenizer.json one's own catalogue names. Each text has a column, and so has the total
    of several texts. The last column shows how far the total is from the exact count of the same family,
    where there is one (of o200k_base for characters / 4). --model or --coefs adds a row.
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
    counters: dict[str, Count] = {RULE: _of_string(loaded[RULE])}
    for family in shipped_families():
        counters[family] = Estimator.for_model(family).estimate
        if family == TARGET:
            continue
        with suppress(InputError, MissingExtraError):  # most are not there, and need not be
            tokenizer = exact_tokenizer(family)
            counters[f"{family}{SEPARATOR}{tokenizer.name})"] = _of_string(tokenizer.count)
    exact = {f"{TARGET}{SEPARATOR}{name})": _of_string(loaded[name]) for name in EXACT if name in loaded}
    return counters | exact


def _of_string(count: Callable[[str], float]) -> Count:
    return lambda text: count(text.decode("utf-8", "replace"))


def _table(texts: Sequence[str], rows: Mapping[str, Sequence[int]]) -> str:
    columns = [*texts, *(["total"] if len(texts) != 1 else [])]
    exact = {name.partition(SEPARATOR)[0]: sum(counts) for name, counts in rows.items() if SEPARATOR in name}
    shown = []
    for name, counts in rows.items():
        cells = [*counts, sum(counts)][: len(columns)]
        truth = exact.get(TARGET if name == RULE else name, 0)
        off = f"{sum(counts) / truth - 1:+.1%}" if truth else ""
        shown.append([name, *(f"{cell:,}" for cell in cells), off])
    numbers = [*columns, "off" if any(exact.values()) else ""]
    return as_text([("counted by", "left"), *((title, "right") for title in numbers)], shown)
