"""The rows as files for programs and tables for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.contest import Row
from benchmarks.memory import Peak

HOW = """
Reference and ours take turns on the same generated work, in one process tree; every other turn
begins with the last. Each has run once before, untimed, except in rows marked cold. Seconds are
medians over the repeats for all of the work, with the shortest and the longest; the ratio is the
median of the turns' ratios. Workers stay from turn to turn, as they do for all clips of a stage,
which pays their start once. The peak is what all workers make at the same time of a 2048 x 2048
matrix product each in the same precision, measured first: beside other work a share can pass
100 %. A row holds where its ratio reaches `at least`, set beforehand, and its answers agree; `aim`
is what a prototype reached.
"""
COLUMNS = (
    "step|work|against|reference s|ours s|repeats|ratio|at least|aim|holds|GFLOP|MB|of peak".split(
        "|"
    )
)
MEMORY = """
The most resident memory that a process had at any time (VmHWM), over the same few files repeated.
"The stage" is one process for all of these steps, with what it has loaded before. Fine-tuning
trains all layers in batches of eight clips.
"""


def write_report(
    rows: Sequence[Row], peaks: Sequence[Peak], made: Mapping[str, str], folder: Path, name: str
) -> str:
    """Write NAME.json and NAME.md and, where memory was measured, NAME_memory.json.

    Args:
        rows: The contests.
        peaks: The memory.
        made: How they were made: commit, form, machine.
        folder: Where the files are written.
        name: Of the files.

    Returns:
        What NAME.md says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json([{**row.told(), **made} for row in rows], folder / f"{name}.json")
    if peaks:
        _write_json([asdict(peak) for peak in peaks], folder / f"{name}_memory.json")
    text = "# Speed\n\n" + "\n".join(f"- {what}: {told}" for what, told in made.items())
    text += f"\n{HOW}\n{_table(COLUMNS, [_cells(r) for r in rows])}\n"
    missed = [f"- {row.step}: {row.missed}" for row in rows if row.missed]
    if missed:
        text += "\nWhat does not hold:\n\n" + "\n".join(missed) + "\n"
    notes = [f"- {row.step}: {row.note}" for row in rows if row.note]
    if notes:
        text += "\nNotes:\n\n" + "\n".join(notes) + "\n"
    if peaks:
        cells = [
            [peak.step, peak.of, f"{peak.clips:,}", f"{peak.megabytes:,.0f}"] for peak in peaks
        ]
        text += f"\n# Memory\n{MEMORY}\n{_table(('step', 'of', 'clips', 'peak MB'), cells)}\n"
    (folder / f"{name}.md").write_text(text)
    return text


def _write_json(told: object, path: Path) -> None:
    path.write_text(json.dumps(told, indent=2) + "\n")


def _cells(row: Row) -> list[str]:
    share = row.share_of_peak
    return [
        row.step,
        row.work,
        row.reference,
        _seconds(row.reference_seconds, row.reference_spread),
        _seconds(row.seconds, row.spread),
        str(row.repeats) if row.warm else f"{row.repeats}, cold",
        f"**{row.ratio:.1f}**",
        f"{row.at_least:g}" if row.at_least else "",
        f"{row.aim:g}" if row.aim else "",
        "" if row.at_least is None else "NO" if row.missed else "yes",
        f"{row.gflop:.0f}" if row.gflop else "",
        f"{row.megabytes:.0f}" if row.megabytes else "",
        f"{share:.0%}" if share else "",
    ]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(_line(cells) for cells in (columns, ["---"] * len(columns), *rows))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _seconds(median: float, spread: tuple[float, float]) -> str:
    return f"{median:.2f} ({spread[0]:.2f}-{spread[1]:.2f})"
