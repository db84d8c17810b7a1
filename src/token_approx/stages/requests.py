"""Recorded exchanges -> records of whole requests: what they held and what was counted, without any text."""

from pathlib import Path

from omegaconf import DictConfig

from token_approx.errors import InputError
from token_approx.files import check_writable, write_whole
from token_approx.labelling.exchanges import request_records
from token_approx.stages import console
from token_approx.stages.command_line import run_stage
from token_approx.text.ngrams import NgramTable, TableError


def requests(config: DictConfig) -> None:
    """Write the records that the configuration describes."""
    if not str(config.exchanges):
        raise InputError("requests needs recorded exchanges. Give exchanges=<path of a Parquet file>.")
    out = Path(str(config.out))
    check_writable([out])
    tables: dict[str, NgramTable | None] = {}

    def table(family: str) -> NgramTable | None:
        if family not in tables:
            tables[family] = _table(family, str(config.tables))
        return tables[family]

    media = Path(str(config.media)) if config.media else None
    frame = request_records(Path(str(config.exchanges)), media, table)
    missing = sorted(family for family, found in tables.items() if found is None)
    if missing:
        console.notice(f"There is no n-gram table for {', '.join(missing)}: their texts have no cost.")
    write_whole(out, frame.to_parquet(index=False))
    counts = frame.groupby("family").size()
    said = ", ".join(f"{count} of {family}" for family, count in counts.items())
    console.notice(f"Wrote {len(frame)} distinct requests to {out}: {said}.")


def _table(family: str, folder: str) -> NgramTable | None:
    path = Path(folder) / f"{family}.json" if folder else None
    if path is not None and not path.exists():
        return None
    try:
        return NgramTable.load(family if path is None else path)
    except TableError:
        if path is not None:
            raise
        return None


def main() -> None:
    """Run the stage from the command line."""
    run_stage("requests", requests)


if __name__ == "__main__":
    main()
