"""Documents come out of every kind of source, in a stable order; what is left out is counted."""

import gzip
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest

from token_approx.errors import InputError
from token_approx.preparing.documents import Document, ReadingSettings, read_documents
from token_approx.preparing.rows import message_text
from token_approx.preparing.samples import cut, read_samples, write_samples
from token_approx.preparing.splitting import whole


def reading(tmp_path: Path, gutenberg: str = "http://127.0.0.1:9/{number}") -> ReadingSettings:
    """Return how documents are read, with a cache of its own."""
    return ReadingSettings("text", ("vendored", "*.min.js"), tmp_path / "cache", gutenberg)


def read(source: Path | str, tmp_path: Path) -> tuple[list[Document], Counter[str]]:
    """Return the documents of a source and what was skipped."""
    skipped: Counter[str] = Counter()
    return list(read_documents(str(source), reading(tmp_path), skipped)), skipped


def test_a_folder(tmp_path: Path) -> None:
    """Files below it in the order of their names; hidden, binary, broken and excluded ones are counted."""
    folder = tmp_path / "texts"
    for name, data in {
        "b.md": b"\xef\xbb\xbfwith a mark",
        "a/deep/x.py": b"x = 1\n",
        "a/latin.txt": b"caf\xe9",
        "a/image.png": b"\x89PNG\0\0",
        "a/lib.min.js": b"x",
        "vendored/y.py": b"y",
        ".git/config": b"hidden",
        "a/.hidden": b"hidden",
        "README": b"no ending",
        "cut.gz": gzip.compress(b"whole")[:-4],
        "notes.txt.gz": gzip.compress("zipped é".encode()),
        "table.jsonl": b'{"other": 1}\n',
        "torn.jsonl": b'{"text": ',
        "wide.txt": "wide".encode("utf-16"),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "loop").symlink_to(folder)
    documents, skipped = read(folder, tmp_path)
    assert documents == [
        Document("README", "text", "no ending"),
        Document("a/deep/x.py", "py", "x = 1\n"),
        Document("b.md", "md", "with a mark"),
        Document("notes.txt.gz", "txt", "zipped é"),
    ]
    assert skipped == {
        "hidden": 2, "binary": 1, "not UTF-8": 1, "excluded": 2, "link to a folder": 1,
        "broken gzip (EOFError)": 1, "no text column": 1,
        "torn last line": 1, "UTF-16": 1,
    }  # fmt: skip


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".parquet"])
def test_tables(tmp_path: Path, ending: str) -> None:
    """A text column, with source and category where there are such columns; or the text of messages."""
    rows = [
        {"text": "one", "source": "a", "category": "chat"},
        {"text": "two", "source": None, "category": None},
        {"text": None, "messages": [{"role": "user", "content": "three"}]},
    ]
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    kind = "parquet" if ending == ".parquet" else "jsonl"
    assert read(path, tmp_path)[0] == [
        Document("a", "chat", "one"), Document("table", kind, "two"), Document("table", kind, "three"),
    ]  # fmt: skip


def test_message_text() -> None:
    """The texts of all messages, in order; images and tool calls have none."""
    blocks = [{"type": "image"}, {"type": "text", "text": "b"}]
    messages = [{"content": "a"}, {"content": blocks}, {"content": None}, "odd", {"role": "user"}]
    assert message_text({"messages": messages}) == "a\nb"
    assert message_text({"messages": []}) is None
    assert message_text({}) is None


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.txt", b"\0", "is a binary file"),
        ("x.txt", b"caf\xe9", "byte 3 is not UTF-8"),
        ("x.txt", "wide".encode("utf-16"), r"is UTF-16\. Convert the file to UTF-8"),
        ("x.gz", b"plain", "is not a whole gzip file"),
        ("x.jsonl", b"[1]", r"x\.jsonl: none of its rows can be used \(1 not an object\)"),
        ("x.jsonl", b'{"body": "a"}', r"\(1 no text\)\. .* name the field of the text with text_column="),
        ("x.parquet", b"PAR1", "is not a readable Parquet file"),
    ],
)
def test_a_named_file_that_is_no_text(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    """What a folder skips is an error where the file itself was named."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        read(tmp_path / name, tmp_path)


def test_rows_that_cannot_be_used(tmp_path: Path) -> None:
    """Each is left out and counted by its reason; with `strict` the first is an error that names its line."""
    path = tmp_path / "log.jsonl"
    path.write_text('{"text": "one"}\nnull\n{"text": null}\n{"text": "\\ud83d"}\n{"text": "two')
    documents, skipped = read(path, tmp_path)
    assert [document.text for document in documents] == ["one"]
    assert skipped == {"null row": 1, "no text": 1, "half a surrogate pair": 1, "torn last line": 1}
    strict = replace(reading(tmp_path), strict=True)
    with pytest.raises(InputError, match=r"log\.jsonl:2: this row cannot be used \(null row\)"):
        list(read_documents(str(path), strict, Counter()))


@pytest.mark.parametrize("name", ["package.json", "pretty.json", "events.log"])
def test_json_that_is_no_log_is_a_text(tmp_path: Path, name: str) -> None:
    """An object on one line or several, and lines of objects without a text, are documents as they stand."""
    content = {
        "package.json": '{"name": "x", "version": "1"}\n',
        "pretty.json": '{\n  "text": "x"\n}\n',
        "events.log": '{"event": 1}\n{"event": 2}\n',
    }[name]
    (tmp_path / name).write_text(content)
    assert [document.text for document in read(tmp_path / name, tmp_path)[0]] == [content]


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Such a file's name, and half a surrogate pair in a source or category, do not stop the others."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / os.fsdecode(b"caf\xe9.t\xff")).write_text("one")
    (folder / "rows.jsonl").write_text('{"text": "two", "source": "\\ud83d", "category": "\\udc00"}\n')
    documents, skipped = read(folder, tmp_path)
    assert [(d.source, d.category, d.text) for d in documents] == [
        ("caf\\udce9.t\\udcff", "t\\udcff", "one"),
        ("\\ud83d", "\\udc00", "two"),
    ]
    assert not skipped
    write_samples(tmp_path / "s.jsonl", cut(documents, whole, cleaned=True, skipped=skipped))
    assert [sample.text for sample in read_samples(tmp_path / "s.jsonl")] == ["one", "two"]


def test_no_such_source(tmp_path: Path) -> None:
    """It is told what a source can be."""
    with pytest.raises(
        InputError, match="is not a file, a folder, a URL or the number of a Project Gutenberg book"
    ):
        read("nowhere", tmp_path)
    with pytest.raises(InputError, match="is not a file"):
        read("a" * 5000, tmp_path)


class Library(ThreadingHTTPServer):
    """Serves one text; counts requests; may promise more bytes than it sends."""

    def __init__(self) -> None:
        """Listen on a free port of the loopback."""
        super().__init__(("127.0.0.1", 0), Shelf)
        self.text = "A book of ünicode.\r\n".encode()
        self.promised = len(self.text)
        self.requests = 0
        self.paths: list[str] = []


class Shelf(BaseHTTPRequestHandler):
    """One connection."""

    server: Library

    def do_GET(self) -> None:
        """Send the text, or 404."""
        self.server.requests += 1
        self.server.paths.append(self.path)
        if self.path.endswith("missing.txt"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.promised))
        self.end_headers()
        self.wfile.write(self.server.text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@pytest.fixture
def library() -> Iterator[Library]:
    """Return a running library."""
    with Library() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_download_is_made_once(tmp_path: Path, library: Library) -> None:
    """By URL or number; the SHA-256 stands beside it; a file that was changed since is refused."""
    url = f"http://127.0.0.1:{library.server_address[1]}"
    assert read(f"{url}/books/pg1.txt", tmp_path)[0] == [Document("pg1", "txt", "A book of ünicode.\r\n")]
    by_number = reading(tmp_path, url + "/epub/{number}/pg{number}.txt")
    for _ in range(2):
        (document,) = read_documents("2600", by_number, Counter())
        assert document.source == "gutenberg-2600"
    assert library.requests == 2
    (kept,) = tmp_path.glob("cache/*/gutenberg-2600.txt")
    digest, name = kept.with_name(kept.name + ".sha256").read_text().split()
    assert (len(digest), name) == (64, kept.name)
    assert sorted(path.name for path in kept.parent.iterdir()) == [kept.name, f"{kept.name}.sha256"]
    kept.write_text("changed")
    with pytest.raises(InputError, match="SHA-256 differs"):
        list(read_documents("2600", by_number, Counter()))


@pytest.mark.parametrize("name", ["my book é.txt", "my%20book%20%C3%A9.txt", "一.txt?a=1 2&b=é"])
def test_an_address_with_spaces_and_letters(tmp_path: Path, library: Library, name: str) -> None:
    """They reach the server percent-encoded, and once, whether they are so in the address or not."""
    (document,) = read(f"http://127.0.0.1:{library.server_address[1]}/{name}", tmp_path)[0]
    assert document.text == "A book of ünicode.\r\n"
    encoded = {
        "my book é.txt": "my%20book%20%C3%A9.txt",
        "一.txt?a=1 2&b=é": "%E4%B8%80.txt?a=1%202&b=%C3%A9",
    }
    assert library.paths == [f"/{encoded.get(name, name)}"]


def test_a_download_that_fails_leaves_nothing(tmp_path: Path, library: Library) -> None:
    """Cut short, refused or unreachable: one line, no half file, and the next try starts anew."""
    url = f"http://127.0.0.1:{library.server_address[1]}"
    library.promised += 10
    with pytest.raises(InputError, match="cannot be downloaded"):
        read(f"{url}/pg1.txt", tmp_path)
    with pytest.raises(InputError, match="Not Found"):
        read(f"{url}/missing.txt", tmp_path)
    with pytest.raises(InputError, match="cannot be downloaded"):
        read("http://127.0.0.1:9/x.txt", tmp_path)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    library.promised -= 10
    assert len(read(f"{url}/pg1.txt", tmp_path)[0]) == 1
