"""Collect texts of ordinary packages for the stage `pretrain`: programs, messages, prose, what agents see.

It reads packages that were downloaded from registries and draws windows of the texts in them, few per package
and kind of file, so that many kinds get a say. Documents that share lines with the test split of the files
named by --apart are left out, and so is the Universal Declaration of Human Rights, on which tables are
measured. What is drawn depends on the packages alone.

The packages that it was run on are listed in .ci/packages.txt, one a line: registry, name, version. They were
downloaded into one folder, by registry:

    debian         apt-get download
    debian-source  apt-get source --download-only --tar-only
    npm            npm pack
    pypi           pip download --no-deps --no-binary :all:

Usage: python .ci/collect_texts.py FOLDER OUT.parquet [--apart FILE ...]
"""
# ruff: noqa: S311 -- documents are drawn alike in each run; nothing here is secret.

import argparse
import hashlib
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq
from read_packages import Text, files, package_name, texts

SHORTEST, LONGEST = 40, 6000  # characters of a window, log-uniform
LEAST_CHARACTERS = 20  # of a window, without the line ends around it
# Documents of a category, of a package and in all.
PER_PACKAGE = {"msg": 6, "cldr": 3, "words": 2, "dict": 4, "prose": 200, "agent": 4, "file": 14}
IN_ALL = {"msg": 80, "cldr": 3, "words": 2, "dict": 4, "prose": 300, "agent": 1500, "file": 100}
# In multiples of PER_PACKAGE: more candidates of a category than HELD are cut down to LEFT. That is more than
# are drawn, as some may be too close to test documents.
HELD, LEFT = 9, 3
PROSE_WINDOWS, PROSE_STEP = 60, 8_000  # windows of a text at most; characters for each
TYPESET_SHARE = 0.5  # of prose, with the quotes of printed books
AGENT_SHARE, ESCAPED_SHARE = 0.2, 0.5  # of files shown as agents see them; of those in JSON, in plain ASCII
LISTINGS, LISTED_FROM = 2, 20  # lists of paths, of a package with more paths than that
SHORTEST_LISTING, LONGEST_LISTING = 10, 80
LONG_LINE, MOST_SHARED = 12, 0.25  # characters; share of long lines that a test document may hold too
DECLARATION = ("udhr", "human_rights")  # in the path, in any case


class Document(NamedTuple):
    """A text that is drawn; the category is its family and kind, the group is its package."""

    id: str
    category: str
    family: str
    group: str
    text: str


class Candidate(NamedTuple):
    """A document that may be drawn, and the whole lines of its file that it is of."""

    document: Document
    lines: str


def main() -> None:
    """Read the folder's packages, draw documents and write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--apart", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    of_package = partial(documents, apart=_test_lines(arguments.apart))
    packages = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    with ProcessPoolExecutor() as pool:
        found = chain.from_iterable(pool.map(of_package, packages, chunksize=4))
        frame = pd.DataFrame(_few_of_each(found), columns=list(Document._fields))
    frame.to_parquet(arguments.out, index=False)
    lengths = frame["text"].str.len().groupby(frame["family"])
    print(lengths.agg(["size", "sum"]).set_axis(["documents", "characters"], axis=1).to_string())
    groups, kinds = frame["group"].nunique(), frame["category"].nunique()
    print(f"{arguments.out}: {len(frame)} documents of {groups} packages, {kinds} kinds")


def documents(package: Path, apart: frozenset[int]) -> list[Document]:
    """Return the documents that are drawn from one package."""
    held: dict[tuple[str, str], dict[str, Candidate]] = defaultdict(dict)
    for candidate in _candidates(package):
        document = candidate.document
        same = held[document.family, document.category]
        same[document.id] = candidate
        if len(same) > HELD * PER_PACKAGE[document.family]:
            for late in sorted(same)[LEFT * PER_PACKAGE[document.family] :]:
                del same[late]
    drawn: list[Document] = []
    for (family, _), same in held.items():
        own = (same[key].document for key in sorted(same) if _shared(same[key].lines, apart) <= MOST_SHARED)
        drawn += islice(own, PER_PACKAGE[family])
    return drawn


def _few_of_each(found: Iterable[Document]) -> list[Document]:
    kept: list[Document] = []
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    for document in sorted(found, key=attrgetter("id")):
        if document.text not in seen and counts[document.category] < IN_ALL[document.family]:
            seen.add(document.text)
            counts[document.category] += 1
            kept.append(document)
    return kept


def _candidates(package: Path) -> Iterator[Candidate]:
    name = package_name(package)
    paths = []
    for path, raw in files(package):
        paths.append(path)
        if not any(mark in path.lower() for mark in DECLARATION):
            for text in texts(name, path, raw):
                yield from _windows(name, path, text)
    yield from _listings(name, paths)


def _windows(package: str, path: str, text: Text) -> Iterator[Candidate]:
    draw = random.Random(f"{package} {path} {text.kind}")
    prose = text.family == "prose"
    for number in range(min(PROSE_WINDOWS, 1 + len(text.content) // PROSE_STEP) if prose else 1):
        start, end = _window(text.content, draw, lines=not prose)
        window = text.content[start:end].strip("\n")
        if prose and draw.random() < TYPESET_SHARE:
            window = _typeset(window)
        if len(window) < LEAST_CHARACTERS:
            continue
        lines = text.content[text.content.rfind("\n", 0, start) + 1 : _line_end(text.content, end)]
        yield Candidate(_document(package, f"{path} {number}", text._replace(content=window)), lines)
        if text.family == "file" and draw.random() < AGENT_SHARE:
            yield Candidate(_document(package, path, _as_agents_see(path, window, draw)), lines)


def _listings(package: str, paths: list[str]) -> Iterator[Candidate]:
    draw = random.Random(package)
    for number in range(LISTINGS if len(paths) > LISTED_FROM else 0):
        first = draw.randrange(len(paths) - SHORTEST_LISTING)
        listed = "\n".join(paths[first : first + draw.randrange(SHORTEST_LISTING, LONGEST_LISTING)])
        yield Candidate(_document(package, str(number), Text("agent", "paths", listed)), listed)


def _document(package: str, key: str, text: Text) -> Document:
    category = f"{text.family}_{text.kind}"
    digest = hashlib.sha256(f"{package} {category} {key}".encode()).hexdigest()[:16]
    return Document(digest, category, text.family, package, text.content)


def _window(text: str, draw: random.Random, *, lines: bool) -> tuple[int, int]:
    size = int(math.exp(draw.uniform(math.log(SHORTEST), math.log(LONGEST))))
    if len(text) <= size:
        return 0, len(text)
    start = draw.randrange(len(text) - size)
    if lines:
        start = text.rfind("\n", 0, start) + 1
    else:
        start = max(text.rfind(" ", 0, start), text.rfind("\n", 0, start)) + 1 or start
    return start, start + size


def _typeset(text: str) -> str:
    # Quotes as books have them, which packages mostly write in ASCII.
    for mark, opening, closing in (('"', "“", "”"), ("'", "‘", "’")):
        text = re.sub(rf"(^|[\s(\[—-]){mark}", rf"\1{opening}", text).replace(mark, closing)
    return text


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _as_agents_see(path: str, text: str, draw: random.Random) -> Text:
    lines = text.split("\n")
    first = draw.choice([1, 1, draw.randrange(1, 900)])
    shape = draw.choice(["numbered", "grep", "json", "diff"])
    if shape == "numbered":
        mark = draw.choice(["→", "\t"])
        seen = "\n".join(f"{number:>6}{mark}{line}" for number, line in enumerate(lines, first))
    elif shape == "grep":
        mark = draw.choice([":", ":", "-"])
        found = [(first + 3 * place, line) for place, line in enumerate(lines) if line]
        seen = "\n".join(f"{path}{mark}{number}{mark}{line}" for number, line in found)
    elif shape == "json":
        seen = json.dumps({"path": path, "content": text}, ensure_ascii=draw.random() < ESCAPED_SHARE)
    else:
        signs = draw.choices([" ", "+", "-"], [6, 2, 1], k=len(lines))
        span = f"{first},{len(lines)}"
        head = f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -{span} +{span} @@\n"
        seen = head + "\n".join(sign + line for sign, line in zip(signs, lines, strict=True))
    return Text("agent", shape, seen)


def _test_lines(paths: list[Path]) -> frozenset[int]:
    found: set[int] = set()
    for path in paths:
        frame = pq.read_table(path, columns=["text"], filters=[("split", "==", "test")])
        for text in frame["text"].to_pylist():
            found.update(_long_lines(text))
    return frozenset(found)


def _long_lines(text: str) -> Iterator[int]:
    for line in text.split("\n"):
        kept = line.strip()
        if len(kept) >= LONG_LINE:
            yield int.from_bytes(hashlib.blake2b(kept.encode(), digest_size=8).digest(), "big")


def _shared(text: str, apart: frozenset[int]) -> float:
    lines = list(_long_lines(text))
    return sum(line in apart for line in lines) / len(lines) if lines else 0.0


if __name__ == "__main__":
    main()
