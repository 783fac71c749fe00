"""Tables of the page: they scroll within themselves on a phone, and sort by mouse and keyboard.

Gradio's own has headers that no key sorts by.
"""

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd

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


def table(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    marks: Sequence[str] = (),
    sort_by: Mapping[str, Sequence[float]] | None = None,
    wrap: bool = False,
) -> str:
    """A table as HTML.

    Args:
        caption: Above it.
        header: Of the columns; each sorts.
        rows: Their cells.
        marks: The numbers of each row's footnotes; empty where no row has one.
        sort_by: Of columns whose text does not sort, as durations: header -> the rows' numbers.
        wrap: Whether long cells are broken, rather than the table made wider.
    """
    body = []
    for number, (row, mark) in enumerate(zip(rows, marks or [""] * len(rows), strict=True)):
        raw = {name: values[number] for name, values in (sort_by or {}).items()}
        first, *others = (
            f"<td{_sort_by(raw.get(name))}>{escape(cell)}"
            for name, cell in zip(header, row, strict=True)
        )
        raised = f"<sup>{mark}</sup>" if mark else ""
        body.append(f"{first}{raised}</td>{''.join(f'{cell}</td>' for cell in others)}")
    head = "".join(
        f'<th scope="col"><button type="button" class="gp-sort">{escape(name)}</button></th>'
        for name in header
    )
    return (
        f'<div class="gp-scroll{" gp-wrap" if wrap else ""}" tabindex="0" role="region" '
        f'aria-label="{escape(caption)}"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(f'<tr>{cells}</tr>' for cells in body)}</tbody></table></div>"
    )


def _sort_by(value: float | None) -> str:
    # As many digits of each: they are compared as whole numbers, before and after the point.
    return "" if pd.isna(value) else f' data-sort="{value:.6f}"'
