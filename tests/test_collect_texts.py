"""The script that draws training texts from packages: what it takes, and what it must not."""

import gzip
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pandas as pd

from tests.conftest import ROOT

LINES = "\n".join(f"    total_{n} = read_record(source, {n}) + offset_{n}" for n in range(40))
TEST = "\n".join(f"    secret_{n} = held_out_of_training(table, {n}) - {n}" for n in range(40))


def package(path: Path, files: dict[str, bytes]) -> None:
    """Write an archive as npm packs them."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def collect(folder: Path, *arguments: str) -> pd.DataFrame:
    """Run the script on the packages of `folder` and return what it wrote."""
    out = folder.parent / "texts.parquet"
    script = [sys.executable, str(ROOT / ".ci/collect_texts.py"), str(folder), str(out), *arguments]
    subprocess.run(script, check=True, capture_output=True)
    return pd.read_parquet(out)


def test_texts_are_drawn_and_test_documents_are_not(tmp_path: Path) -> None:
    """Programs and prose of packages are drawn; binary files, the Declaration and test documents are not."""
    packages = tmp_path / "packages"
    packages.mkdir()
    package(
        packages / "tools-1.0.0.tgz",
        {f"src/part{n}.py": f"def part{n}():\n{LINES}\n".encode() for n in range(30)}
        | {f"src/test{n}.py": f"def test{n}():\n{TEST}\n".encode() for n in range(30)}
        | {
            "fortunes": b"It never rains on the pier.\n" * 9,
            "udhr_eng.txt": b"All human beings are born\n" * 9,
        }
        | {
            "data.unknown": b"\0\1\2\3" * 99,
            "latin.txt": "Gr\u00fc\u00dfe aus K\u00f6ln. ".encode("latin-1") * 9,
        },
    )
    corpus = tmp_path / "corpus.parquet"
    pd.DataFrame({"text": [TEST, LINES], "split": ["test", "train"]}).to_parquet(corpus)
    found = collect(packages, "--apart", str(corpus))
    assert set(found["family"]) == {"file", "agent", "prose"}
    assert set(found["group"]) == {"tools-1.0.0.tgz"}
    assert (found["category"] == "file_py").sum() == 14, "of a kind, a package gives few"
    assert found["text"].str.contains("read_record").sum() > 14, "some are drawn as agents see them, too"
    assert not found["text"].str.contains("held_out_of_training|human beings").any()
    assert found["text"].is_unique
    pd.testing.assert_frame_equal(collect(packages, "--apart", str(corpus)), found)
    assert collect(packages)["text"].str.contains("held_out_of_training").any(), "where nothing is kept apart"


def test_languages_and_books(tmp_path: Path) -> None:
    """Names of a locale, a dictionary, a page by its language and a book that R packs are kinds apart."""
    packages = tmp_path / "packages"
    packages.mkdir()
    names = {"main": {"xx": {"languages": {f"l{n}": f"Blerkish {n}" for n in range(20)}}}}
    book = [f"It was the {n}. of a wet month, and nobody came.".encode() for n in range(30)]
    strings = b"".join(b"\0\4\0\x09" + len(line).to_bytes(4, "big") + line for line in book)
    package(packages / "cldr-names-1.0.0.tgz", {"main/xx/languages.json": json.dumps(names).encode()})
    package(packages / "dict-freedict-xxx-yyy.tgz", {"xxx-yyy.dict": b"blerk /bl/\n  one who blerks\n" * 9})
    package(packages / "novels.tgz", {"data/sherlock.rda": gzip.compress(b"RDX2\n" + strings)})
    package(packages / "guide.tgz", {"help/xx/index.page": b"<page>Blerk is a word.</page>\n" * 9})
    found = collect(packages).set_index("category")["text"]
    assert set(found.index) == {"cldr_xx", "dict_xxx-yyy", "prose_sherlock", "file_page_xx"}
    assert found["cldr_xx"].startswith("Blerkish 0\nBlerkish 1\n")
    whole = found["prose_sherlock"].split("\n")[1:-1]
    assert whole
    assert all(line.encode() in book for line in whole)
