"""The report's sentences: the verdict in two, and what must not be concluded from it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from genre_pred.reporting.findings import Collection, Findings


def verdict(findings: Findings) -> list[str]:
    """Who is champion, and how sure that is, in two sentences."""
    promotion, champion, row = findings.promotion, findings.champion, findings.reigning
    name = f"genre-{findings.collection.name}"
    if promotion is None:
        return [f"Nobody has stood for champion of {name} yet.", _best(findings)]
    if champion is None:
        return [f"{name} has no champion. {promotion['reason']}", _best(findings)]
    who = f"{champion['model']} ({champion['approach']}, version {champion['version']})"
    if row is None:
        first = f"{who} is champion of {name}; it was not trained by this run."
        return [first, promotion["reason"]]
    first = f"{who} is champion of {name}, under the protocol “{row['protocol']}”."
    split = scoring_split(row)
    words = (
        f"On {_clips(row, split)} it names the right genre in {percent(row[f'{split}_accuracy'])} "
        f"of cases ({_interval(findings, row, split)})"
    )
    return [first, f"{words}{_lead(findings, str(row['model']))}."]


def asked(collection: Collection) -> str:
    """The question, and of how much music it was asked."""
    words = (
        f"Which way of recognising the {len(collection.clips)} genres of {collection.name} (source "
        f"{collection.source}) is best? Asked of {collection.clips['all'].sum():,} clips"
    )
    if collection.accepts_audio:
        words += f" from {collection.hours:,.1f} hours of music"
    else:
        words += ", of which there is no sound, only what others have computed of it"
    if collection.artists is None:
        words += "; artists are unknown, so that one may stand on two sides of the split"
    else:
        words += f", by {collection.artists:,} artists"
    if collection.left_out:
        words += f"; the publisher's split leaves out {collection.left_out:,} more"
    return f"{words}."


def judged(findings: Findings) -> str:
    """Who chose the models and who judged them."""
    board, promotion = findings.board, findings.promotion
    words = f"Models are chosen on validation ({board['clips'].max():,} clips)"
    if not board["test_clips"].max():
        return f"{words}; there are no test clips to judge the chosen ones."
    words += "; the best of each approach"
    if board["role"].eq("reproduction").any():
        words += ", and the reproductions of what others have published,"
    words += f" are scored on test ({board['test_clips'].max():,} clips"
    seen = (
        f"; {promotion['test_seen']} models have been scored on these so far" if promotion else ""
    )
    return f"{words}{seen})."


def limits(findings: Findings) -> Iterator[str]:
    """What a reader of the figures must not conclude, one sentence or two each."""
    board, collection = findings.board, findings.collection
    yield (
        f"It knows these {len(collection.clips)} genres and no others; what they mean is what this "
        "collection's labels mean by them."
    )
    if collection.accepts_audio:
        yield (
            "It says “unknown” beside music that lies far from what it was trained on. Noise may "
            "pass for music, and nothing is claimed about speech."
        )
    if (board["protocol"] + board["artists"].fillna("")).str.contains("optimistic").any():
        yield (
            "The scores are optimistic: "
            f"{board['protocol'].iloc[0]}; artists {board['artists'].iloc[0]}. "
            "Expect less on music of other artists."
        )
    scored = board[board["validation_accuracy"].notna()]
    if len(scored):
        row = scored.iloc[0]
        split = scoring_split(row)
        width = (row[f"{split}_high"] - row[f"{split}_low"]) * 100
        yield (
            f"{_clips(row, split)} judge, so that an interval is some {width:.0f} points wide: "
            "between models whose scores lie closer, only a paired comparison can tell."
        )
    if board["note"].fillna("").str.contains("untrained weights").any():
        yield "Some rows use untrained weights: they show the machinery, not what a network can do."
    if collection.source == "demo":
        yield "The demo's music is composed by rules: no figure here carries over to real music."
    if not collection.accepts_audio:
        yield "The collection holds no sound: what was trained on it cannot hear a file."


def scoring_split(row: pd.Series) -> str:
    """The split that a row of the leaderboard was judged on: test if it was looked at."""
    return "test" if pd.notna(row["test_accuracy"]) else "validation"


def percent(share: float) -> str:
    """A share as people read it."""
    return "n/a" if pd.isna(share) else f"{share * 100:.1f} %"


def points(difference: float) -> str:
    """A difference of shares, with its sign; no minus before a zero."""
    text = f"{difference * 100:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def _best(findings: Findings) -> str:
    scored = findings.board[findings.board["validation_accuracy"].notna()]
    if scored.empty:
        return "No model could be trained."
    row = scored.iloc[0]
    return (
        f"Best on validation is {row['model']} with {percent(row['validation_accuracy'])} of "
        f"{_clips(row, 'validation')} ({_interval(findings, row, 'validation')}), under the "
        f"protocol “{row['protocol']}”."
    )


def _lead(findings: Findings, model: str) -> str:
    """How the champion stands against the other candidate, if one stood."""
    rivals = findings.board[findings.board["role"] == "candidate"]
    approach = {row["model"]: key for key, row in findings.metrics.items() if "model" in row}
    for rival in rivals["model"]:
        for a, b, sign in ((model, rival, 1), (rival, model, -1)):
            pair = findings.metrics.get(f"{approach.get(a)}_minus_{approach.get(b)}")
            if pair:
                by = round(100 * sign * pair["accuracy"], 1)
                ends = sorted(sign * pair[end] for end in ("low", "high"))
                if by == 0:
                    as_many = "as many as" if pair["accuracy"] == 0 else "about as many as"
                    return (
                        f"; that is {as_many} {rival} ({findings.confidence * 100:g} % interval of "
                        f"the difference: {points(ends[0])} to {points(ends[1])} points)"
                    )
                chance = "could" if ends[0] <= 0 <= ends[1] else "cannot"
                compared = f"{abs(by):.1f} points {'more' if by > 0 else 'less'} than"
                return (
                    f"; that is {compared} {rival}, which chance alone {chance} explain "
                    f"({points(ends[0])} to {points(ends[1])})"
                )
    return ""


def _clips(row: pd.Series, split: str) -> str:
    return f"{int(row['test_clips' if split == 'test' else 'clips'])} {split} clips"


def _interval(findings: Findings, row: pd.Series, split: str) -> str:
    low, high = (f"{row[f'{split}_{end}'] * 100:.1f}" for end in ("low", "high"))
    return f"{findings.confidence * 100:g} % interval {low} to {high} %"
