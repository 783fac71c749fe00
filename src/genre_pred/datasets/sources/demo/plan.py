"""Plans the collection: artists, their splits, their pieces, and some broken files.

The plan is cheap and depends only on its arguments. Each piece has its own seed, so pieces can be
composed in any order and in any number of processes.
"""

from dataclasses import dataclass

import numpy as np

from genre_pred.datasets.sources.demo.artists import Artist, draw_artist
from genre_pred.datasets.sources.demo.rules import RULES

FLAWS = ("no audio", "one second", "truncated", "empty", "noise", "wrong extension")
LAST_TRACK_ID = 155_320  # about the largest id of FMA

_BEGINNINGS = "Am Bel Cor Dun El Far Gil Har Ish Jor Kel Lum Mir Nor Ost Pel Ras Sol Tam".split()
_MIDDLES = "a an ar e el en i in o on or u".split()
_ENDINGS = "bay dale field ford gate hill lock mere more nau ris stone tane ton vale wick".split()
_THINGS = "Bridge Clock Door Garden Harbour Lamp Letter Mirror River Road Snow Stair Wire".split()
_QUALITIES = "Borrowed Broken Early Empty Last Late Long Near Old Other Second Small White".split()


@dataclass(frozen=True)
class Piece:
    """One file to write: its artist, its length, and its flaw, if any."""

    track_id: int
    artist: Artist
    album: int
    title: str
    seconds: float
    seed: int
    flaw: str = ""


def plan_pieces(*, seed: int, artists_per_genre: int, clips_per_artist: int) -> list[Piece]:
    """Plan a collection.

    Args:
        seed: Seed of all random choices, 0 or more.
        artists_per_genre: 3 or more, so that every split has its own artists.
        clips_per_artist: Good clips of each artist, 1 or more.

    Returns:
        The pieces in the order of their track ids: all good clips, and one for each of FLAWS.

    Raises:
        ValueError: If there are too few artists or clips.
    """
    if artists_per_genre < 3:
        raise ValueError(
            f"artists_per_genre is {artists_per_genre}: training, validation and test share no "
            "artist, so a genre needs at least 3"
        )
    if clips_per_artist < 1:
        raise ValueError(f"clips_per_artist is {clips_per_artist}: it must be at least 1")
    rng = np.random.default_rng([seed, 0])
    artists = _artists(artists_per_genre, seed, rng)
    authors = [(artist, "") for artist in artists for _ in range(clips_per_artist)]
    for genre, flaw in zip(rng.permutation(list(RULES)), FLAWS, strict=False):
        peers = [artist for artist in artists if artist.genre == genre]
        authors.append((peers[rng.integers(len(peers))], flaw))
    # Random ids, so that no id reveals an artist or a genre.
    track_ids = 2 + rng.choice(LAST_TRACK_ID, len(authors), replace=False)
    pieces = [
        Piece(
            track_id=int(track_id),
            artist=artist,
            album=2 * artist.number + int(rng.integers(2)),
            title=f"{rng.choice(_QUALITIES)} {rng.choice(_THINGS)}",
            # 6 to 10 seconds, mostly short, because encoding MP3 takes most of the time.
            seconds=round(float(6 + 4 * rng.beta(1, 8)), 2),
            seed=int(np.random.SeedSequence([seed, 2, index]).generate_state(1, np.uint64)[0]),
            flaw=flaw,
        )
        for index, ((artist, flaw), track_id) in enumerate(zip(authors, track_ids, strict=True))
    ]
    return sorted(pieces, key=lambda piece: piece.track_id)


def _artists(per_genre: int, seed: int, rng: np.random.Generator) -> list[Artist]:
    """Artists of all genres, numbered in random order."""
    splits = _splits(per_genre)
    numbers = rng.permutation(len(RULES) * per_genre) + 1
    names = _names(len(numbers), rng)
    return [
        draw_artist(
            # Its own generator: a change to one genre's rules does not affect other artists.
            np.random.default_rng([seed, 1, place, index]),
            number=int(numbers[place * per_genre + index]),
            name=names[place * per_genre + index],
            genre=genre,
            split=splits[index],
        )
        for place, genre in enumerate(RULES)
        for index in range(per_genre)
    ]


def _splits(artists: int) -> list[str]:
    """Of 12 artists 7 train, 2 validation, 3 test; others in proportion, at least 1 each."""
    validation, test = max(1, round(artists * 2 / 12)), max(1, round(artists * 3 / 12))
    training = artists - validation - test
    return ["training"] * training + ["validation"] * validation + ["test"] * test


def _names(count: int, rng: np.random.Generator) -> list[str]:
    """Invented names, all different."""
    names: dict[str, None] = {}  # a set that keeps its order
    while len(names) < count:
        words = [rng.choice(part) for part in (_BEGINNINGS, _MIDDLES, _ENDINGS)]
        first = f"{rng.choice(_BEGINNINGS)}{rng.choice(_MIDDLES)}"
        names[f"{first} {''.join(words)}"] = None
    return list(names)
