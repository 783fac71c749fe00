"""The rows as a file for programs and a table for people."""

import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contest import Row

HOW = """
Reference and ours take turns on the same generated songs, in one process tree, after a run of
each that is not timed (workers start, libraries load). Seconds are medians for all of the work,
with the shortest and the longest turn; the ratio is the median of the turns' ratios. The peak is
what the cores in use make of a 2048 x 2048 matrix product in the same precision, measured first.
"""
COLUMNS = "step|work|against|reference s|ours s|ratio|at least|aim|GFLOP|MB|of peak".split("|")


def write_report(rows: Sequence[Row], machine: str, folder: Path) -> str:
    """Write benchmark.json and benchmark.md.

    Returns:
        The table, as text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    told = json.dumps([row.told() for row in rows], indent=2)
    (folder / "benchmark.json").write_text(told + "\n")
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS)), *(_line(_cells(row)) for row in rows)]
    table = "\n".join(lines)
    notes = "\n".join(f"- {row.step}: {row.note}" for row in rows if row.note)
    text = f"# Speed\n\nMachine: {machine}.\n{HOW}\n{table}\n\n{notes}\n"
    (folder / "benchmark.md").write_text(text)
    return text


def _cells(row: Row) -> list[str]:
    share = row.share_of_peak
    return [
        row.step,
        row.work,
        row.reference,
        _seconds(row.reference_seconds, row.reference_spread),
        _seconds(row.seconds, row.spread),
        f"**{row.ratio:.1f}**",
        f"{row.at_least:g}" if row.at_least else "",
        f"{row.aim:g}" if row.aim else "",
        f"{row.gflop:.0f}" if row.gflop else "",
        f"{row.megabytes:.0f}" if row.megabytes else "",
        f"{share:.0%}" if share else "",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _seconds(median: float, spread: tuple[float, float]) -> str:
    return f"{median:.2f} ({spread[0]:.2f}-{spread[1]:.2f})"
