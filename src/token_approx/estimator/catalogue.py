"""The catalogue: a model's name, as any provider or gateway writes it -> the family that it belongs to.

The data are in catalogue.json beside this module. A file of one's own in the same format, named by the
environment variable TOKEN_APPROX_CATALOGUE, adds entries and replaces those of the same name; of a family
that is known, it need give only the fields that it changes.
"""

import difflib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import InputError

SHIPPED = Path(__file__).with_name("catalogue.json")
VARIABLE = "TOKEN_APPROX_CATALOGUE"
SCHEMA_VERSION = 1
NEAREST = 3

# Where a model runs, and whose it is, as gateways and clouds write it before the name.
_BEFORE = re.compile(
    r"^(?:us|eu|apac|au|jp|ca|global|us-gov)\.|"
    r"^databricks-(?=claude|gpt|gemini|llama)|"
    r"^(?:anthropic|amazon|meta|mistral|deepseek|qwen|openai|google|moonshot|zai)\.(?=[a-z])"
)
# What stands after it: a variant's mark, the version of Bedrock's or Vertex's wrapper, a date, a moving end.
_AFTER = re.compile(
    r"(?::(?!\d)[a-z-]+|-v\d+:\d+|:\d+|@[a-z0-9-]+|[-_](?:20\d{6}|20\d\d-\d\d-\d\d|2[0-9](?:0[1-9]|1[0-2]))"
    r"|-(?:latest|preview|exp|experimental|beta|stable)|-(?:preview|exp)-\d\d-(?:\d\d|\d{4})"
    r"|-00\d|-(?:0[1-9]|1[0-2])\d\d(?:-preview)?)$"
)


@dataclass(frozen=True)
class Family:
    """Models that share a tokenizer and framing.

    `table` names the n-gram table, `framing` the tokens that a request and each of its messages add to the
    texts, `exact` the library and tokenizer that count exactly, `images` the rule for images, if known.
    `estimator` is the model_coefs.json of a family of one's own; its path is relative to the catalogue's.
    """

    name: str
    title: str
    provider: str
    framing: tuple[float, float]
    source: str
    exact: Mapping[str, str | None] | None = field(default=None, hash=False)
    images: str | None = None
    estimator: str | None = None

    @property
    def table(self) -> str:
        """The n-gram table of the family, which has its name."""
        return self.name


@dataclass(frozen=True)
class Entry:
    """A model: its name in the catalogue, its family, its own framing, and the most input tokens it takes.

    `notice` is "" for a model that the catalogue knows; else it says which known model stands for it.
    """

    name: str
    family: Family
    framing: tuple[float, float]
    max_input_tokens: int | None = None
    notice: str = ""


@dataclass(frozen=True)
class Catalogue:
    """Families by name, models by name and alias, and what stands for versions that are not known.

    `not_known` has the beginnings of names whose tokenizer is none of these: nothing stands for them.
    """

    families: Mapping[str, Family]
    models: Mapping[str, Entry]
    newer_versions: tuple[tuple[str, str], ...]
    not_known: tuple[str, ...] = ()

    def find(self, name: str) -> Entry:
        """Return the entry of a model's name.

        Prefixes of clouds and gateways (`us.anthropic.`, `openrouter/anthropic/`, `models/`), dates and
        endings such as `-latest` or `:free` do not matter. An unknown version of a known line resolves to
        the newest that is known, and the entry says so.

        Raises:
            InputError: no line of the catalogue is like it; the message has the nearest names.
        """
        for plain in _plain_names(name):
            if plain in self.models:
                return self.models[plain]
            if plain.startswith(self.not_known):
                raise InputError(self._unknown(name, plain))
        # A variant of a known model (`gpt-4o-search`): what follows the name is a word, no version.
        variants = [known for known in self.models if re.match(rf"{re.escape(known)}-(?!\d)", plain)]
        if variants:
            return self._instead(name, max(variants, key=len))
        for start, newest in self.newer_versions:
            if plain.startswith(start):
                return self._instead(name, newest)
        raise InputError(self._unknown(name, plain))

    def _instead(self, name: str, known: str) -> Entry:
        entry = self.models[known]
        notice = (
            f"The catalogue does not know the model {name!r}. It is counted as {entry.name!r} is"
            f" (tokenizer family {entry.family.name})."
        )
        return Entry(entry.name, entry.family, entry.framing, entry.max_input_tokens, notice)

    def _unknown(self, name: str, plain: str) -> str:
        near = difflib.get_close_matches(plain, self.models, NEAREST, cutoff=0.5)
        known = f"The nearest names are {', '.join(near)}. " if near else ""
        return (
            f"unknown model {name!r}. {known}"
            f"To use another tokenizer, name a family ({', '.join(self.families)}) or a model_coefs.json."
        )


def catalogue() -> Catalogue:
    """Return the shipped catalogue, with the entries of the file that TOKEN_APPROX_CATALOGUE names.

    Raises:
        InputError: a file cannot be read, or an entry of it is not as the shipped ones are.
    """
    return _read(tuple(filter(None, (str(SHIPPED), os.environ.get(VARIABLE)))))


@lru_cache(maxsize=4)
def _read(paths: tuple[str, ...]) -> Catalogue:
    contents = [(path, _content(path)) for path in paths]
    families = _families(contents)
    # A family's name is a model's too: who knows the tokenizer need not know a model of it.
    models = {name: Entry(name, family, family.framing) for name, family in families.items()}
    newer: list[tuple[str, str]] = []
    not_known: list[str] = []
    for path, content in contents:
        for place, fields in enumerate(_entries(path, content, "models")):
            with _Place(path, f"models[{place}]"):
                entry = _entry(fields, families)
                for known in (entry.name, *fields.get("aliases", ())):
                    models[str(known).lower()] = entry
        for place, fields in enumerate(_entries(path, content, "newer_versions")):
            with _Place(path, f"newer_versions[{place}]"):
                if fields["model"] not in models:
                    raise ValueError(f"the model {fields['model']!r} is not in the catalogue")
                # One's own come first.
                newer.insert(0 if path != str(SHIPPED) else len(newer), (fields["starts"], fields["model"]))
        not_known += map(str, content.get("not_known", ()))
    return Catalogue(families, models, tuple(newer), tuple(not_known))


def _families(contents: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Family]:
    """Return the families of all files; an entry of a later file need not repeat what it does not change."""
    known: dict[str, dict[str, Any]] = {}
    families: dict[str, Family] = {}
    for path, content in contents:
        for place, fields in enumerate(_entries(path, content, "families")):
            with _Place(path, f"families[{place}]"):
                name = str(fields["name"])
                known[name] = known.get(name, {}) | fields
                if "estimator" in fields:
                    known[name]["estimator"] = str(Path(path).parent / fields["estimator"])
                families[name] = Family(**known[name] | {"framing": _framing(known[name]["framing"])})
    return families


def _entry(fields: Mapping[str, Any], families: Mapping[str, Family]) -> Entry:
    if fields["family"] not in families:
        raise ValueError(f"the family {fields['family']!r} is not one of {', '.join(families)}")
    family = families[fields["family"]]
    most = fields.get("max_input_tokens")
    if most is not None and (type(most) is not int or most < 1):
        raise ValueError(f"max_input_tokens is {most!r}, it must be a whole number of at least 1 or null")
    unknown = fields.keys() - {"name", "family", "max_input_tokens", "framing", "aliases"}
    if unknown:
        raise ValueError(f"the field {min(unknown)!r} is not known")
    return Entry(str(fields["name"]).lower(), family, _framing(fields.get("framing", family.framing)), most)


def _framing(value: Any) -> tuple[float, float]:  # noqa: ANN401 - what a file says
    request, message = (float(part) for part in value)
    if not (0 <= request < float("inf") and 0 <= message < float("inf")):
        raise ValueError(f"framing is {value!r}, it must be two numbers of at least 0")
    return request, message


def _content(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(
            f"{path}: the catalogue cannot be read ({error.strerror}). Correct the variable {VARIABLE}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: the catalogue is not valid JSON ({error}). Correct the file.") from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"{path}: the catalogue must be a JSON object with a schema_version of {SCHEMA_VERSION}."
        )
    return content


def _entries(path: str, content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    entries = content.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError(f"{path}: {key} must be a list of objects.")
    return entries


def is_same_model(first: str, second: str) -> bool:
    """Return whether two names are of one model, apart from clouds' prefixes, dates and endings."""
    return not set(_plain_names(first)).isdisjoint(_plain_names(second))


class _Place:
    """Names the file and entry in which something was wrong."""

    def __init__(self, path: str, place: str) -> None:
        self.where = f"{path}: {place}"

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, KeyError):
            raise InputError(f"{self.where}: the field {error.args[0]!r} is missing.") from error
        if isinstance(error, ValueError | TypeError | AttributeError):
            raise InputError(f"{self.where}: {error}.") from error


def _plain_names(name: str) -> Iterable[str]:
    # From the name as it is given to the barest form: the first that is known is meant.
    plain = name.strip().lower()
    yield plain
    plain = plain.rpartition("/")[2]
    yield plain
    while before := _BEFORE.match(plain):
        plain = plain[before.end() :]
        yield plain
    while after := _AFTER.search(plain):
        plain = plain[: after.start()]
        yield plain
    # Claude's versions are written with a dot by some gateways; the provider writes a hyphen.
    if plain.startswith("claude"):
        plain = re.sub(r"(?<=\d)\.(?=\d)", "-", plain)
    yield plain
