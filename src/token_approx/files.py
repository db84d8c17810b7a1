"""Files are written whole: a reader sees the old one or the new one, never a part."""

import os
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by a synced temporary one in the same folder, renamed into place; folders are made."""
    # Not `tempfile`: this module is on the estimator's import path, and that import alone takes milliseconds.
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
