"""The results of a run as files: whole, together, and without what an earlier run left in their folder."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from token_approx.errors import InputError
from token_approx.files import write_together, write_whole
from token_approx.lifecycle import contract
from token_approx.lifecycle.golden import FILE, write_golden_vectors

# What a run wrote into a folder: the next one removes it, and nothing else that is there.
WRITTEN = ".written.json"


def check_folder(folder: Path) -> None:
    """Check that files can be written into a folder, which is made; before there is anything to lose.

    Raises:
        InputError: they cannot.
    """
    probe = folder / f"{WRITTEN}.probe"
    try:
        write_whole(probe, b"")
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"output={folder} cannot be written ({error.strerror or error})."
            " Remove what is in the way, or give another folder with output=<folder>."
        ) from error


def write_results(folder: Path, files: Mapping[str, bytes], coefs: Mapping[str, Any] | None) -> None:
    """Write a run's files (path in the folder to content) and its model; files of the run before go.

    `coefs` is the content of model_coefs.json, which comes with its schema, tables and golden vectors; None
    writes no model.
    """
    contents = dict(files)
    if coefs is not None:
        contents[contract.SCHEMA_FILE] = contract.schema_text().encode()
        contents |= {table.name: table.data for table in contract.table_files(coefs).values()}
        contents[contract.COEFS] = contract.json_bytes(coefs)
    names = sorted({*contents, *([FILE] if coefs is not None else [])})
    before = _written_before(folder)
    write_together({folder / name: data for name, data in contents.items()})
    if coefs is not None:
        write_golden_vectors(folder / contract.COEFS)
    for name in before - set(names):
        (folder / name).unlink(missing_ok=True)
    write_whole(folder / WRITTEN, json.dumps(names, indent=0).encode())


def _written_before(folder: Path) -> set[str]:
    with suppress(OSError, ValueError):
        names = json.loads((folder / WRITTEN).read_bytes())
        # Read from a file that anyone may edit: nothing outside of the folder is removed.
        return {name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts}
    return set()
