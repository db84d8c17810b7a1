"""The results of a run as files: whole, together, and without what an earlier run left in their folder."""

import json
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from token_approx.files import check_writable, write_together, write_whole
from token_approx.lifecycle import contract
from token_approx.lifecycle.golden import FILE, write_golden_vectors
from token_approx.reporting.report_page import REPORT

# What a run wrote into a folder: the next one removes it, and nothing else that is there.
WRITTEN = ".written.json"
FOLDERS = ("tables", "figures")


def check_folder(folder: Path) -> None:
    """Check that a run's files can be written into a folder, before there is anything to lose.

    Raises:
        InputError: they cannot.
    """
    kinds = [folder / name / WRITTEN for name in FOLDERS]
    check_writable([*(folder / name for name in (WRITTEN, REPORT, contract.COEFS, FILE)), *kinds])


def model_files(coefs: Mapping[str, Any]) -> dict[str, bytes]:
    """Return a model's files by name: model_coefs.json with its schema, tables and golden vectors."""
    contents = {contract.SCHEMA_FILE: contract.schema_text().encode()}
    contents |= {table.name: table.data for table in contract.table_files(coefs).values()}
    contents[contract.COEFS] = contract.json_bytes(coefs)
    return contents | _golden_vectors(contents)


def write_results(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Write a run's files (path in the folder to content), all or none; files of the run before go."""
    names = sorted(contents)
    before = _written_before(folder)
    write_together({folder / name: data for name, data in contents.items()})
    for name in before - set(names):
        (folder / name).unlink(missing_ok=True)
    write_whole(folder / WRITTEN, json.dumps(names, indent=0).encode())


def _golden_vectors(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    # Of the files as they will be read; beside the others only with them, all or none.
    with tempfile.TemporaryDirectory() as made:
        for name, data in contents.items():
            if Path(name).parent == Path():
                Path(made, name).write_bytes(data)
        write_golden_vectors(Path(made, contract.COEFS))
        found = Path(made, FILE)
        return {FILE: found.read_bytes()} if found.exists() else {}


def _written_before(folder: Path) -> set[str]:
    with suppress(OSError, ValueError):
        names = json.loads((folder / WRITTEN).read_bytes())
        # Read from a file that anyone may edit: nothing outside of the folder is removed.
        return {name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts}
    return set()
