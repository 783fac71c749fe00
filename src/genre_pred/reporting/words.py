"""The sentences of the report: verdict, data, scoring and limits."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from genre_pred.reporting.findings import Collection, Findings


def verdict(findings: Findings) -> list[str]:
    """The champion and its accuracy, in two sentences."""
    promotion, champion, row = findings.promotion, findings.champion, findings.champion_row
    name = f"genre-{findings.collection.name}"
    if promotion is None:
        return [f"{name} has no champion yet.", _best(findings)]
    if champion is None:
        return [f"{name} has no champion. {promotion['reason']}", _best(findings)]
    title = f"{champion['model']} ({champion['approach']}, version {champion['version']})"
    if row is None:
        first = f"{title} is champion of {name}; it was not trained by this run."
        return [first, promotion["reason"]]
    first = f"{title} is champion of {name}, under the protocol “{row['protocol']}”."
    split = scoring_split(row)
    words = (
        f"Its accuracy on {_clips(row, split)} is {percent(row[f'{split}_accuracy'])} "
        f"({_interval(findings, row, split)})"
    )
    return [first, f"{words}{_lead(findings, str(row['model']))}."]


def data_summary(collection: Collection) -> str:
    """The size of the collection: genres, clips, hours, artists."""
    words = (
        f"{collection.name} (source {collection.source}) has {len(collection.clips)} genres and "
        f"{collection.clips['all'].sum():,} clips"
    )
    if collection.accepts_audio:
        words += f" from {collection.hours:,.1f} hours of music"
    if collection.artists is None:
        words += "; artists are unknown, so that an artist may be on two sides of the split"
    else:
        words += f", by {collection.artists:,} artists"
    if not collection.accepts_audio:
        words += "; it holds precomputed features, no audio"
    if collection.left_out:
        words += f"; {collection.left_out:,} more clips are in no part of the publisher's split"
    return f"{words}."


def scoring_summary(findings: Findings) -> str:
    """The clips that choose the models, and the clips that score the chosen ones."""
    board, promotion = findings.board, findings.promotion
    words = f"Models are chosen on validation ({board['clips'].max():,} clips)"
    if not board["test_clips"].max():
        return f"{words}; there are no test clips to score the chosen models."
    words += "; the best of each approach"
    if board["role"].eq("reproduction").any():
        words += ", and the reproductions of published systems,"
    words += f" are scored on test ({board['test_clips'].max():,} clips"
    seen = (
        f"; {promotion['test_seen']} models have been scored on these so far" if promotion else ""
    )
    return f"{words}{seen})."


def limits(findings: Findings) -> Iterator[str]:
    """The limits of the figures and of the champion, one or two sentences each."""
    board, collection = findings.board, findings.collection
    yield (
        f"A model predicts only these {len(collection.clips)} genres, as this collection's labels "
        "define them."
    )
    if collection.accepts_audio:
        yield (
            "Music far from the training music is marked “unknown”. Noise may not be marked, and "
            "speech was not tested."
        )
    if (board["protocol"] + board["artists"].fillna("")).str.contains("optimistic").any():
        yield (
            "The scores are optimistic: "
            f"{board['protocol'].iloc[0]}; artists {board['artists'].iloc[0]}. "
            "Expect a lower accuracy on music by other artists."
        )
    scored = board[board["validation_accuracy"].notna()]
    if len(scored):
        row = scored.iloc[0]
        split = scoring_split(row)
        width = (row[f"{split}_high"] - row[f"{split}_low"]) * 100
        yield (
            f"With {_clips(row, split)}, the interval of an accuracy is about {width:.0f} points "
            "wide: compare models with closer scores by a paired test."
        )
    if board["note"].fillna("").str.contains("untrained weights").any():
        yield (
            "Some rows use untrained weights: they test the pipeline and do not show the accuracy "
            "of a network."
        )
    if collection.source == "demo":
        yield "The demo's music is composed by rules: its figures do not apply to real music."
    if not collection.accepts_audio:
        yield "The collection holds no audio: models trained on it cannot predict audio files."


def scoring_split(row: pd.Series) -> str:
    """The split of a leaderboard row's final score: test if it was scored there."""
    return "test" if pd.notna(row["test_accuracy"]) else "validation"


def percent(share: float) -> str:
    """Format a share as a percentage."""
    return "n/a" if pd.isna(share) else f"{share * 100:.1f} %"


def points(difference: float) -> str:
    """Format a difference of shares in points, with its sign; 0.0 has no sign."""
    text = f"{difference * 100:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def _best(findings: Findings) -> str:
    scored = findings.board[findings.board["validation_accuracy"].notna()]
    if scored.empty:
        return "No model could be trained."
    row = scored.iloc[0]
    return (
        f"The best model on validation is {row['model']}: its accuracy is "
        f"{percent(row['validation_accuracy'])} on {_clips(row, 'validation')} "
        f"({_interval(findings, row, 'validation')}), under the protocol “{row['protocol']}”."
    )


def _lead(findings: Findings, model: str) -> str:
    """The champion's lead over the other candidate, if there is one, as the end of a sentence."""
    rivals = findings.board[findings.board["role"] == "candidate"]
    approach = {row["model"]: key for key, row in findings.metrics.items() if "model" in row}
    for rival in rivals["model"]:
        for a, b, sign in ((model, rival, 1), (rival, model, -1)):
            pair = findings.metrics.get(f"{approach.get(a)}_minus_{approach.get(b)}")
            if pair:
                lead = round(100 * sign * pair["accuracy"], 1)
                ends = sorted(sign * pair[end] for end in ("low", "high"))
                interval = f"{points(ends[0])} to {points(ends[1])}"
                if lead == 0:
                    equal = "equal to" if pair["accuracy"] == 0 else "about equal to"
                    return (
                        f", {equal} that of {rival} ({findings.confidence * 100:g} % interval of "
                        f"the difference: {interval} points)"
                    )
                significant = "not significant" if ends[0] <= 0 <= ends[1] else "significant"
                compared = f"{abs(lead):.1f} points {'higher' if lead > 0 else 'lower'} than"
                return (
                    f", {compared} that of {rival}; the difference is {significant} "
                    f"({findings.confidence * 100:g} % interval {interval})"
                )
    return ""


def _clips(row: pd.Series, split: str) -> str:
    return f"{int(row['test_clips' if split == 'test' else 'clips'])} {split} clips"


def _interval(findings: Findings, row: pd.Series, split: str) -> str:
    low, high = (f"{row[f'{split}_{end}'] * 100:.1f}" for end in ("low", "high"))
    return f"{findings.confidence * 100:g} % interval {low} to {high} %"
