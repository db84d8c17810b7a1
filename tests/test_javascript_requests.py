"""The JavaScript example reads requests as the package does: the same texts, counts, reasons and totals."""

import base64
import io
import json
import math
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.requests.test_formats import ALL
from token_approx.errors import InputError
from token_approx.estimator.catalogue import SHIPPED, catalogue
from token_approx.estimator.estimator import Estimator
from token_approx.estimator.request import RequestTotal
from token_approx.estimator.shipped import DEFAULTS, shipped_families
from token_approx.requests import known_fields as fields_known
from token_approx.requests import read_request
from token_approx.requests.features import COUNTS, TEXT_KINDS
from token_approx.requests.image_rules import PATCHES, TILES
from token_approx.requests.json_value import Json
from token_approx.requests.models import model_key
from token_approx.requests.named import GROUPS

MODELS = ["", "gpt-5.4", "gpt-4o", "claude-opus-5", "claude-3-haiku", "gemini-2.0-flash", "gemini-3.6-flash"]
REQUEST_FAMILIES = sorted(path.stem for path in (DEFAULTS / "requests").glob("*.json"))
LEVELS = (0.8, 0.9, 0.95, 0.99)
# What may stand anywhere: other types, odd numbers, quotes, white space, lone parts of known blocks.
ODD: list[Json] = [
    *(
        None,
        True,
        False,
        0,
        -0.0,
        3,
        2.5,
        1e16,
        1e-5,
        12345678901234567890,
        "",
        "x",
        [],
        {},
        ["a", {"text": "b"}],
    ),
    *(
        {"type": "weird 'é\"\n", "k": "v\u200b\u00a0\U0001f600"},
        {"type": ["list"]},
        {"type": {"a": 1}},
        {"text": "t"},
    ),
    *(
        {"$ref": "#/$defs/x"},
        {"type": "image", "source": {"type": "url"}},
        {"cachePoint": {}},
        "data:,x" + "A" * 600,
    ),
]
NAMES = [
    *(
        "name",
        "extra",
        "10",
        "2",
        "type",
        "text",
        "content",
        "refusal",
        "citations",
        "annotations",
        "reasoning_content",
        "thought",
        "defer_loading",
    )
]


def changed(rng: random.Random, value: Json) -> Json:
    """Return a value with some of its parts replaced, left out, added or in another order."""
    if rng.random() < 0.08:
        return rng.choice(ODD)
    if isinstance(value, list):
        return [changed(rng, part) for part in value]
    if not isinstance(value, dict):
        return value
    items = [(name, changed(rng, inner)) for name, inner in value.items() if rng.random() > 0.05]
    if rng.random() < 0.1:
        items.append((rng.choice(NAMES), rng.choice(ODD)))
    if rng.random() < 0.1:
        rng.shuffle(items)
    return dict(items)


def images() -> list[str]:
    """Return files in base64: each kind of image, whole, in lines, as data URLs, cut off, and others."""
    found = []
    for kind, size in [("PNG", (1, 1)), ("JPEG", (2000, 700)), ("GIF", (640, 480)), ("WEBP", (3000, 2999))]:
        file = io.BytesIO()
        Image.new("RGB", size).save(file, kind)
        text = base64.b64encode(file.getvalue()).decode()
        lines = "\n".join(text[at : at + 76] for at in range(0, len(text), 76))
        found += [
            text,
            lines,
            f"data:image/{kind.lower()};base64,{text}",
            text.replace("+", "-").replace("/", "_"),
        ]
        found += [text[:20], text[:31], f"{text}!", f"é{text}", f"{text[:8]}=\n{text[8:]}"]
    lossless = io.BytesIO()
    Image.new("RGBA", (333, 77)).save(lossless, "WEBP", lossless=True)
    texts = [lossless.getvalue(), b"A plain text.", b"\xff\xd8\xff\xe0\x00\x01", b"%PDF-1.7", b"RIFF", b""]
    return found + [base64.b64encode(text).decode() for text in texts]


@cache
def cases() -> list[tuple[str, str, str]]:
    """Return bodies as JSON, models and wire formats ("" where they are to be found out)."""
    rng = random.Random(17)  # noqa: S311 - no secret
    found = [(json.dumps(body), "", name) for body in ALL.values() for name in ("", *ALL)]
    for _ in range(900):
        wire_format, body = rng.choice(list(ALL.items()))
        text = json.dumps(changed(rng, body), ensure_ascii=rng.random() < 0.5)
        found.append((text, rng.choice(MODELS), rng.choice(["", wire_format])))
    for data in images():
        shapes: list[Json] = [
            {"messages": [{"role": "user", "content": [
                {"type": kind, "source": {"type": "base64", "data": data}} for kind in ("image", "document")
            ]}]},
            {"messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}", "detail": "low"}},
                {"type": "file", "file": {"file_data": data}}]}]},
            {"contents": [{"parts": [
                {"inlineData": {"data": data}}, {"inline_data": {"mime_type": "a/b", "data": data}}]}]},
        ]  # fmt: skip
        found += [(json.dumps(body), model, "") for body in shapes for model in MODELS]
    numbers = (
        "[1e5, 1.0, -0, -0.0, 1E400, NaN, -Infinity, 123456789012345678901, 1e-7, 0.0001, 1e16, 1e15, 5e-324]"
    )
    found.append(
        (f'{{"input": [{{"type": "function_call", "arguments": {{"1": 1, "0": {numbers}}}}}]}}', "", "")
    )
    return found


def in_node(script: str, given: Sequence[object]) -> list[Any]:
    """Return what a script's `answer` says of each value; without Node.js CI fails, and others skip."""
    node = shutil.which("node")
    if not node:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("not installed: node")
    program = f"""
        import {{ readFileSync }} from "node:fs";
        const load = (path) => import({json.dumps(str(ROOT / "examples"))} + "/" + path);
        {script}
        const said = [];
        for (const value of JSON.parse(readFileSync(0, "utf8"))) said.push(await answer(value));
        console.log(JSON.stringify(said));"""
    command = [str(node), "--input-type=module", "-e", program]
    text = json.dumps(given).encode()
    return list(json.loads(subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True).stdout))


READ = """
const { parse } = await load("javascript/requests/json.mjs");
const { readRequest } = await load("javascript/requests/formats.mjs");
const answer = ([body, model, format]) => {
  try { return readRequest(parse(body), model, format); } catch (error) { return error.constructor.name; }
};"""
ESTIMATE = """
const { estimates } = await load("browser/estimates.mjs");
const { unpack } = await load("browser/tables.mjs");
const read = (path) => JSON.parse(readFileSync(`${package_}/${path}.json`));
const all = read("estimator/catalogue"), coefs = {}, tables = {};
for (const { name } of all.families) {
  coefs[name] = { text: read(`estimator/defaults/${name}`) };
  try { coefs[name].request = read(`estimator/defaults/requests/${name}`); } catch { }
}
const table = async (name) => tables[name] ??=
  await unpack(readFileSync(`${package_}/text/tables/${name}.packed`).toString("base64"));
const answer = ([text, kind, models]) => estimates({ catalogue: all, coefs }, table, text, kind, models);
""".replace("${package_}", str(ROOT / "src/token_approx"))


def test_requests_are_read_alike() -> None:
    """Of whole, changed and broken bodies of every format, and of every kind of file, all is found alike."""
    refused = 0
    for case, found in zip(cases(), in_node(READ, cases()), strict=True):
        try:
            read = read_request(*case)
        except InputError:
            assert found == "InputError", case
            refused += 1
            continue
        expected = {
            "format": read.format, "model": read.model, "kind": read.kind, "counts": read.counts,
            "texts": {kind: list(texts) for kind, texts in read.texts.items()},
            "not_counted": list(read.not_counted),
        }  # fmt: skip
        assert found == json.loads(json.dumps(expected)), case
    assert 0 < refused < len(cases()) / 5


def expected_total(total: RequestTotal) -> dict[str, Any]:
    """Return what JavaScript's `requestTotal` says, by the package."""
    known = {bound.confidence for bound in total.upper}
    inside = not total.out_of_domain
    return {
        "linear_sum": total.estimate,
        "estimate": total.tokens,
        "parts": dict(total.parts),
        "not_counted": list(total.not_counted),
        "outside": total.out_of_domain,
        "upper_bound": {f"{level:g}": total.upper_bound(level) for level in known} if inside else None,
        "lower_bound": {f"{level:g}": total.lower_bound(level) for level in known} if inside else None,
    }


@pytest.mark.parametrize("family", REQUEST_FAMILIES)
def test_totals_are_equal(family: str) -> None:
    """For every family with a model of requests: sums to the last bit, bounds, parts, domain, reasons."""
    names = [name for name, entry in catalogue().models.items() if entry.family.name == family]
    others = sorted({*names} - {family})
    models = [family, others[0], others[-1]]
    bodies = [json.dumps(body) for body in ALL.values()] + [text for text, _, _ in cases()[60:90]]
    bodies.append(json.dumps({"messages": [{"role": "user", "content": "\u1200\u13a0\u0f00 \ud800" * 60}]}))
    estimators = {model: Estimator.for_model(model) for model in models}
    compared = outside = 0
    for body, said in zip(
        bodies, in_node(ESTIMATE, [(body, "request", models) for body in bodies]), strict=True
    ):
        for model in models:
            try:
                total = estimators[model].request(body, model=model)
            except InputError:
                assert said["error"]
                continue
            (result,) = (one for one in said["results"] if one["name"] == model)
            expected = expected_total(total)
            found = {name: result["said"][name] for name in expected}
            if total.out_of_domain:
                assert (result["upper"], result["lower"]) == (None, 0)
                found |= {"upper_bound": None, "lower_bound": None}
                outside += 1
            elif not result["foreign"]:
                assert (result["upper"], result["lower"]) == (
                    total.upper_bound(0.95),
                    total.lower_bound(0.95),
                )
            assert found == expected, (model, body)
            compared += 1
    assert compared > 60
    assert outside


@pytest.mark.parametrize("family", shipped_families())
def test_texts_are_equal(family: str) -> None:
    """For every family: a text's estimate and bounds, by its bytes where it is out of the domain."""
    texts = [
        "",
        "It is late.\r\n",
        "half \ud83d pair",
        "naïve café 漢字\n" * 50,
        "\x00\x1c\u3000" * 9,
        "7" * 4000,
        "a" * 90_000,
    ]
    estimator = Estimator.for_model(family)
    outside = 0
    for text, said in zip(
        texts, in_node(ESTIMATE, [(text, "text", [family]) for text in texts]), strict=True
    ):
        (found,) = said["results"]
        upper = estimator.upper_bound(text)
        assert found["tokens"] == estimator.estimate(text)
        assert found["upper"] == (upper if math.isfinite(upper) else None)
        assert found["lower"] == estimator.lower_bound(text)
        assert found["outside"] == estimator.out_of_domain(text)
        outside += bool(found["outside"])
    assert 0 < outside < len(texts)


def test_names_mean_the_same_models() -> None:
    """A model's name, as any cloud or gateway writes it, known or not, is taken for the same model."""
    plain = list(catalogue().models)
    around = [
        "us.anthropic.{}-v1:0",
        "openrouter/anthropic/{}",
        "models/{}",
        "{}-20251001",
        "{}@default",
        "{}:free",
    ]
    names = [
        *plain,
        *(shape.format(name) for shape in around for name in plain[::5]),
        "claude-opus-9",
        "gpt-4o-search",
    ]
    names += [
        "claude-2.1",
        "claude-sonnet-4.5",
        "GPT-5.4",
        "no such model",
        "",
        "gpt-9",
        "codestral-1",
        "o5-large",
    ]
    script = f"""
        const {{ find, modelsOf }} = await load("javascript/catalogue.mjs");
        const {{ modelKey }} = await load("javascript/requests/models.mjs");
        const content = JSON.parse(readFileSync({json.dumps(str(SHIPPED))}));
        const known = modelsOf(content);
        const answer = (name) => [find(content, known, name), modelKey(name)];"""
    for name, (found, key) in zip(names, in_node(script, names), strict=True):
        assert key == model_key(name)
        try:
            entry = catalogue().find(name)
        except InputError:
            assert found is None, name
            continue
        assert (found["name"], found["family"]) == (entry.name, entry.family.name), name
        assert found.get("max_input_tokens") == entry.max_input_tokens
        assert ("instead" in found) == bool(entry.notice), name


def test_tables_of_rules_are_equal() -> None:
    """What both sides have as data is the same: fields, kinds, counts, groups, rules for images."""
    fields = [name for name in vars(fields_known) if name.isupper()]
    script = """
        const all = Object.assign({}, ...await Promise.all(["requests/known_fields", "requests/features",
          "requests/image_rules", "request"].map((name) => load(`javascript/${name}.mjs`))));
        const answer = (name) => all[name];"""
    others: dict[str, tuple[object, Callable[[Any], object]]] = {
        "TEXT_KINDS": (TEXT_KINDS, dict),
        "COUNTS": (COUNTS, dict),
        "GROUPS": (GROUPS, dict),
        "TILES": (TILES, lambda found: {name: tuple(value) for name, value in found.items()}),
        "PATCHES": (PATCHES, lambda found: {name: tuple(value) for name, value in found.items()}),
    }
    found = dict(zip([*fields, *others], in_node(script, [*fields, *others]), strict=True))
    for name in fields:
        assert set(found[name]) == getattr(fields_known, name), name
    for name, (expected, convert) in others.items():
        assert convert(found[name]) == expected, name
    assert len(fields) > 10
