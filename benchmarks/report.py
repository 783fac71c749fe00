"""The benchmark reports, as JSON and Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.memory import Peak
from benchmarks.svc import LEAST as SHARE_OF_TABLE
from benchmarks.timing import Row

HOW = """
The reference and our implementation take turns on the same generated work, in one process tree;
every other turn runs in reverse order. Each has an untimed run before, except in rows marked cold.
Seconds are medians over the repeats for all of the work, with the shortest and the longest. The
ratio is the median of the turns' ratios, with the lowest and the highest. Workers stay alive
between turns, as in a stage, which starts them once. Workers of a stage are never idle, so before
each timing of patches and embeddings they decode for a moment, untimed. The peak is measured first:
all workers multiply 2048 x 2048 matrices at the same time in the same precision, the best of ten. A
share of the peak can exceed 100 %, because of other load during that measurement or because
convolutions have better kernels. A row meets its target if its ratio reaches `at least`, set
beforehand, and its results agree within the tolerance of its note. `aim` is the ratio of a
prototype on a processor with bfloat16 instructions (two AMD Zen 4 cores). Of a network's rows, the
one without a precision in its name has the precision that is faster on these cores.
"""
COLUMNS = (
    "step|work|reference|reference s|ours s|repeats|ratio|at least|aim|met|GFLOP|MB|of peak".split(
        "|"
    )
)
FMA_SMALL = """
Times for 8,000 clips of 30 s, 6,400 of them for training, extrapolated from the rates above; no
total was measured. An epoch of fine-tuning includes its share of storing the patches and running
the convolutions, which `mel` and the first epoch do in practice. The time of the support vector
machine is assumed to grow with the square of the number of clips.
"""
CLIPS, TRAINING_CLIPS = 8000, 6400
MEMORY = """
The peak resident memory of a process (VmHWM), with a few files repeated. "The stage" is the
process of this benchmark, with all libraries that it has loaded before. Fine-tuning trains all
layers in batches of eight clips.
"""


def write_report(
    rows: Sequence[Row], peaks: Sequence[Peak], facts: Mapping[str, str], folder: Path, name: str
) -> str:
    """Write NAME.json and NAME.md and, where memory was measured, NAME_memory.json.

    Args:
        rows: The timings.
        peaks: The peak memory.
        facts: How they were measured: commit, form, machine.
        folder: The folder of the files.
        name: The name of the files.

    Returns:
        The content of NAME.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _write_json([{**row.as_dict(), **facts} for row in rows], folder / f"{name}.json")
    memory = folder / f"{name}_memory.json"
    memory.unlink(missing_ok=True)  # of another run
    if peaks:
        _write_json([{**asdict(peak), **facts} for peak in peaks], memory)
    text = "# Speed\n\n" + "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
    text += f"\n{HOW}\n{_table(COLUMNS, [_cells(r) for r in rows])}\n"
    missed = [f"- {row.step}: {row.missed}" for row in rows if row.missed]
    if missed:
        text += "\nMissed targets:\n\n" + "\n".join(missed) + "\n"
    notes = [f"- {row.step}: {row.note}" for row in rows if row.note]
    if notes:
        text += "\nNotes:\n\n" + "\n".join(notes) + "\n"
    if scaled := fma_small({row.step: row for row in rows}):
        text += f"\n# FMA-small\n{FMA_SMALL}\n{_table(('step', 'time'), scaled)}\n"
    if peaks:
        cells = [
            [peak.step, peak.of, f"{peak.clips:,}", f"{peak.megabytes:,.0f}"] for peak in peaks
        ]
        text += f"\n# Memory\n{MEMORY}\n{_table(('step', 'process', 'clips', 'peak MB'), cells)}\n"
    (folder / f"{name}.md").write_text(text)
    return text


def fma_small(rows: Mapping[str, Row]) -> list[tuple[str, str]]:
    """Extrapolate the rows to FMA-small: (step, time); empty if rows are missing."""
    needed = (
        "patches_stored", "vggish_embedding", "mn04_embedding", "train_all", "train_fc", "svc_grid",
        "descriptors_fma",
    )  # fmt: skip
    if not all(step in rows for step in needed):
        return []

    def per_clip(step: str) -> float:
        return rows[step].seconds / rows[step].clips

    mel, training = per_clip("patches_stored"), rows["train_all"]
    faster = training.precision
    seconds_of = {
        "mel: patches of VGGish": CLIPS * mel,
        **{
            f"embed, VGGish in {row.precision}": CLIPS * (per_clip(step) - mel)
            for step, row in rows.items()
            if step.startswith("vggish_embedding")
        },
        f"mel and embed, mn04 in {faster}": CLIPS * per_clip("mn04_embedding"),
        "descriptors: FMA's 518": CLIPS * per_clip("descriptors_fma"),
        f"finetune, VGGish in {faster}, all layers, an epoch": TRAINING_CLIPS
        * per_clip("train_all"),
        f"finetune, VGGish in {faster}, linear layers, an epoch": TRAINING_CLIPS
        * per_clip("train_fc"),
        "S1's way, an epoch": TRAINING_CLIPS * training.reference_seconds / training.clips,
        "svc_rbf, 5 C of one fold, on one core": rows["svc_grid"].seconds / SHARE_OF_TABLE**2,
    }
    return [(step, _time(seconds)) for step, seconds in seconds_of.items()]


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


def _write_json(content: object, path: Path) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


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
