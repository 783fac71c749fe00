"""An answer as HTML: its words and axes follow the page's width, and its light or dark."""

from collections.abc import Mapping, Sequence
from html import escape

from genre_pred.inference.prediction import CALIBRATED_ON, LEARNT_FROM, Neighbour, Prediction

ROWS, RAREST = 5, 0.05  # at most so many genres in the timeline, none rarer in every window
_ENDS = (min, max)
TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


def trouble(words: str) -> str:
    """What went wrong, as every part of the page says it."""
    return f'<p class="gp-alert" role="alert">{escape(words)}</p>'


def genres_heard(found: Prediction) -> str:
    """The genre, how sure it is, and a bar for each genre."""
    (genre, share), *_ = found.best(1)
    parts = [f'<h2 class="gp-genre">{escape(genre)} <span>{share:.0%}</span></h2>']
    if found.unknown:
        parts = [
            '<h2 class="gp-genre">Unknown</h2>',
            '<p class="gp-alert" role="status">This is unlike the music that the model has learnt '
            f"from. Of the genres it knows, {escape(genre)} is the nearest ({share:.0%}): take "
            "that as a guess.</p>",
        ]
    elif found.why_no_novelty:
        parts.append(f'<p class="gp-quiet">{escape(_sentence(found.why_no_novelty))}</p>')
    if found.learnt_from:
        parts.append(f'<p class="gp-quiet" role="status">{_sentence(LEARNT_FROM)}</p>')
    bars = "".join(
        f'<li><span>{escape(name)}</span><span class="gp-track" aria-hidden="true">'
        f'<span style="width:{100 * value:.2f}%"></span></span><span>{value:.0%}</span></li>'
        for name, value in found.best(len(found.probabilities))
    )
    return "".join([*parts, _set(found), f'<ul class="gp-bars" aria-label="Genres">{bars}</ul>'])


def _set(found: Prediction) -> str:
    if found.genre_set is None:
        return f'<p class="gp-quiet">No set of genres is given: {escape(found.why_no_set)}.</p>'
    named = ", ".join(f"<strong>{escape(genre)}</strong>" for genre in found.genre_set)
    return (
        f"<p>In {found.coverage:.0%} of songs like these, the genre is among: {named}</p>"
        f'<p class="gp-quiet">{_sentence(CALIBRATED_ON)}</p>'
    )


def time_line(found: Prediction, picture: str, heights: Mapping[str, float]) -> str:
    """The spectrogram, and under it the probabilities of each window, on one axis of time.

    Args:
        found: The answer.
        picture: The spectrogram's address.
        heights: What to write beside it, and where: shares of its height, from below.
    """
    seconds = found.seconds
    ticks = "".join(
        f'<span style="bottom:{100 * height:.1f}%">{escape(name)}</span>'
        for name, height in heights.items()
    )
    rows = [
        f'<div class="gp-scale" aria-hidden="true">{ticks}</div>'
        f'<img class="gp-mel" src="{picture}" alt="Mel spectrogram of the whole recording">'
    ]
    span = {
        genre: [pick(stretch.probabilities[genre] for stretch in found.timeline) for pick in _ENDS]
        for genre in found.probabilities
    }
    ordered = sorted(span, key=lambda genre: -span[genre][1])
    for genre in [it for it in ordered if it == ordered[0] or span[it][1] >= RAREST][:ROWS]:
        bars = "".join(
            f'<rect x="{stretch.start / seconds:.5f}" y="{1 - share:.4f}" height="{share:.4f}" '
            f'width="{(stretch.end - stretch.start) / seconds:.5f}">'
            f"<title>{escape(genre)} {share:.0%}, {_clock(stretch.start)} to "
            f"{_clock(stretch.end)}</title></rect>"
            for stretch in found.timeline
            for share in (stretch.probabilities[genre],)
        )
        least, most = span[genre]
        told = f"{genre}: {least:.0%} to {most:.0%} over {len(found.timeline)} windows"
        rows.append(
            f'<div class="gp-name">{escape(genre)}</div><svg class="gp-strip" role="img" '
            f'viewBox="0 0 1 1" preserveAspectRatio="none" aria-label="{escape(told)}">{bars}</svg>'
        )
    step = next((it for it in TICK_SECONDS if seconds / it <= 6), TICK_SECONDS[-1])
    times = "".join(
        f'<span style="left:{100 * time / seconds:.2f}%">{_clock(time)}</span>'
        for time in range(0, int(seconds) + 1, step)
    )
    rows.append(f'<div></div><div class="gp-times" aria-hidden="true">{times}</div>')
    windows = "1 window" if found.windows == 1 else f"{found.windows} windows"
    caption = f"Above the sound, below how probable each genre is in it: {windows}"
    if sum(stretch.end - stretch.start for stretch in found.timeline) < 0.999 * seconds:
        caption += "; what is left blank was not listened to"
    return (
        f'<figure class="gp-figure"><div class="gp-time">{"".join(rows)}</div>'
        f"<figcaption>{caption}.</figcaption></figure>"
    )


def neighbours(near: Sequence[tuple[Neighbour, str | None]]) -> str:
    """The training clips that it resembles, each with its sound where that is at hand."""
    if not near:
        return ""
    items = []
    for clip, sound in near:
        name = f"{escape(clip.genre)}, clip {escape(clip.clip_id)}"
        player = '<span class="gp-quiet">its sound is not here any more</span>'
        if sound:
            player = f'<audio controls preload="none" src="{sound}" aria-label="{name}"></audio>'
        items.append(
            f"<li><span><strong>{escape(clip.genre)}</strong> "
            f'<span class="gp-quiet">clip {escape(clip.clip_id)}</span></span>{player}</li>'
        )
    return f'<h3>Most like these training clips</h3><ol class="gp-near">{"".join(items)}</ol>'


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
