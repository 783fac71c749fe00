"""The page's tables: they scroll within themselves on a phone, and sort by mouse and keyboard.

Gradio's own tables cannot be sorted by keyboard.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from genre_pred.apps.web.templates import render

SORTING = """<script>
document.addEventListener("click", event => {
  const head = event.target.closest?.(".gp-sort")?.closest("th");
  if (!head) return;
  const upward = head.ariaSort !== "ascending";
  for (const other of head.parentElement.cells) other.ariaSort = null;
  head.ariaSort = upward ? "ascending" : "descending";
  const body = head.closest("table").tBodies[0];
  const text = row => row.cells[head.cellIndex].dataset.sort ?? row.cells[head.cellIndex].innerText;
  const rows = [...body.rows].sort(
    (one, other) => text(one).localeCompare(text(other), undefined, {numeric: true}));
  body.append(...(upward ? rows : rows.reverse()));
});
</script>"""


class _Cell(NamedTuple):
    text: str
    mark: str
    sort_key: str


def table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    marks: Sequence[str] = (),
    notes: Sequence[str] = (),
    sort_by: Mapping[str, Sequence[float]] | None = None,
    wrap: bool = False,
) -> str:
    """Render a table as HTML.

    Args:
        caption: The text above it.
        header: The names of the columns; each column can be sorted.
        rows: The cells of each row.
        marks: The footnote numbers of each row, as text; empty if no row has a footnote.
        notes: The footnotes, in the order of their numbers.
        sort_by: For columns whose text does not sort, such as durations: header -> the number of
            each row.
        wrap: Whether long cells are wrapped instead of widening the table.
    """
    keys = {
        name: [_sort_key(value) for value in values] for name, values in (sort_by or {}).items()
    }
    no_keys = [""] * len(rows)
    cells = [
        [
            _Cell(text, marks[row] if marks and column == 0 else "", keys.get(name, no_keys)[row])
            for column, (name, text) in enumerate(zip(header, texts, strict=True))
        ]
        for row, texts in enumerate(rows)
    ]
    return render("table.html", caption=caption, header=header, rows=cells, notes=notes, wrap=wrap)


def _sort_key(value: float) -> str:
    # Fixed decimals: the page compares the digits before and after the point as integers.
    return "" if pd.isna(value) else f"{value:.6f}"
