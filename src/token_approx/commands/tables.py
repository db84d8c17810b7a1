"""A table as text, as wide as it needs to be: in a pipe or a narrow window, no path and no number is cut."""

import io
from collections.abc import Sequence

# Wider than any table: the terminal wraps what it has no room for.
WIDEST = 100_000


def as_text(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of columns, each a title and `left` or `right`, without lines: spaces are everywhere."""
    # Here, since the commands that print a number alone start sooner without it.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for title, side in columns:
        table.add_column(Text(title), justify="right" if side == "right" else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    printed = io.StringIO()
    Console(file=printed, width=WIDEST, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines())
