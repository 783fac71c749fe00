"""The rows as files for programs and tables for people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.contest import Row
from benchmarks.memory import Peak
from benchmarks.svc import LEAST as SHARE_OF_TABLE

HOW = """
Reference and ours take turns on the same generated work, in one process tree; every other turn
begins with the last. Each has run once before, untimed, except in rows marked cold. Seconds are
medians over the repeats for all of the work, with the shortest and the longest; the ratio is the
median of the turns' ratios, with the lowest and the highest. Workers stay from turn to turn, as
they do for all clips of a stage, which pays their start once; as they never sleep there, in the
rows of patches and embeddings they decode for a moment, untimed, before reference and ours alike.
The peak is what all workers make at the same time of a 2048 x 2048 matrix product each in the same
precision, the best of ten, measured first: a share can pass 100 %, beside other work or where
convolutions have better kernels. A row holds where its ratio reaches `at least`, set beforehand,
and its answers agree as far as its note says; `aim` is what a prototype reached on a processor that
multiplies in bfloat16 (two AMD Zen 4 cores). Of a network's rows the one without a precision in its
name is that of the precision in which these cores multiply faster.
"""
COLUMNS = (
    "step|work|against|reference s|ours s|repeats|ratio|at least|aim|holds|GFLOP|MB|of peak".split(
        "|"
    )
)
FMA_SMALL = """
What 8,000 clips of 30 s take by these rates, of which 6,400 are learnt from; nothing here was timed
as a whole. An epoch of fine-tuning bears its share of storing the patches and of running the
convolutions, which `mel` and the first epoch have in truth. The support vector machine's time is
taken to grow with the square of the clips.
"""
CLIPS, LEARNT = 8000, 6400
MEMORY = """
The most resident memory that a process had at any time (VmHWM), over the same few files repeated.
"The stage" is this benchmark's own process, with all that it has loaded before. Fine-tuning trains
all layers in batches of eight clips.
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
    memory = folder / f"{name}_memory.json"
    memory.unlink(missing_ok=True)  # of another run
    if peaks:
        _write_json([{**asdict(peak), **made} for peak in peaks], memory)
    text = "# Speed\n\n" + "\n".join(f"- {what}: {told}" for what, told in made.items())
    text += f"\n{HOW}\n{_table(COLUMNS, [_cells(r) for r in rows])}\n"
    missed = [f"- {row.step}: {row.missed}" for row in rows if row.missed]
    if missed:
        text += "\nWhat does not hold:\n\n" + "\n".join(missed) + "\n"
    notes = [f"- {row.step}: {row.note}" for row in rows if row.note]
    if notes:
        text += "\nNotes:\n\n" + "\n".join(notes) + "\n"
    if scaled := fma_small({row.step: row for row in rows}):
        text += f"\n# FMA-small\n{FMA_SMALL}\n{_table(('what', 'time'), scaled)}\n"
    if peaks:
        cells = [
            [peak.step, peak.of, f"{peak.clips:,}", f"{peak.megabytes:,.0f}"] for peak in peaks
        ]
        text += f"\n# Memory\n{MEMORY}\n{_table(('step', 'of', 'clips', 'peak MB'), cells)}\n"
    (folder / f"{name}.md").write_text(text)
    return text


def fma_small(rows: Mapping[str, Row]) -> list[tuple[str, str]]:
    """What FMA-small takes by the rows' rates, as (what, time); nothing where rows are missing."""
    needed = (
        "patches_stored", "vggish_embedding", "mn04_embedding", "train_all", "train_fc", "svc_grid",
        "descriptors_fma",
    )  # fmt: skip
    if not all(step in rows for step in needed):
        return []

    def each(step: str) -> float:
        return rows[step].seconds / rows[step].clips

    mel, training = each("patches_stored"), rows["train_all"]
    quicker = training.precision
    told = {
        "mel: patches of VGGish": CLIPS * mel,
        **{
            f"embed, VGGish in {row.precision}": CLIPS * (each(step) - mel)
            for step, row in rows.items()
            if step.startswith("vggish_embedding")
        },
        f"mel and embed, mn04 in {quicker}": CLIPS * each("mn04_embedding"),
        "descriptors: FMA's 518": CLIPS * each("descriptors_fma"),
        f"finetune, VGGish in {quicker}, all layers, an epoch": LEARNT * each("train_all"),
        f"finetune, VGGish in {quicker}, linear layers, an epoch": LEARNT * each("train_fc"),
        "S1's way, an epoch": LEARNT * training.reference_seconds / training.clips,
        "svc_rbf, 5 C of one fold, on one core": rows["svc_grid"].seconds / SHARE_OF_TABLE**2,
    }
    return [(what, _time(seconds)) for what, seconds in told.items()]


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


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
        f"**{row.ratio:.1f}** ({row.ratio_spread[0]:.1f}-{row.ratio_spread[1]:.1f})",
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
