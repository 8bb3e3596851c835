"""A table of texts, from whatever file: what source.py, separator.py and typed.py make, and layout.py reads."""

from dataclasses import dataclass, field


@dataclass
class Table:
    """Texts in rows and columns, numbered from 0. lines: where row 0 stands in the file. names: of typed columns, or None."""

    where: str  # as the user calls the file
    cells: object  # a function: (columns or None, rows or None) -> a DataFrame of texts; "" where a cell is empty
    separator: str = ""
    lines: int = 1
    comments: list = field(default_factory=list)  # comment lines above the table
    names: list | None = None
    notes: list = field(default_factory=list)
