"""The demo collection: music composed by rules, so that everything can be tried with no network.

`rules` says what is usual in each genre, `artists` draws artists who keep to it more or less,
`plan` lists their pieces, `patterns`, `instruments` and `drums` play them, `studio` mixes and
`writer` writes them as FMA publishes its tracks.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from genre_pred.datasets.sources.demo.plan import Piece, plan_pieces
from genre_pred.datasets.sources.demo.writer import write_piece, write_tracks

__all__ = ["Piece", "compose"]

Each = Callable[[Callable[[Piece], None], Sequence[Piece]], Iterable[None]]


def compose(
    root: Path, *, seed: int, artists_per_genre: int, clips_per_artist: int, each: Each = map
) -> int:
    """Compose the collection: the same settings give the same bytes in every file.

    Args:
        root: where fma_small/ and fma_metadata/ are written; made if missing.
        seed: of everything that is drawn, 0 or more.
        artists_per_genre: 3 or more; of 12, 7 are for training, 2 for validation, 3 for test.
        clips_per_artist: good clips of each artist, 1 or more; six broken files are added.
        each: maps a picklable function over the pieces, in any order, on any processes.

    Returns:
        How many tracks were written, the broken ones among them.

    Raises:
        ValueError: too few artists or clips.
    """
    pieces = plan_pieces(
        seed=seed, artists_per_genre=artists_per_genre, clips_per_artist=clips_per_artist
    )
    for _ in each(partial(write_piece, root), pieces):
        pass
    # The table comes last: where it is, the collection is whole.
    write_tracks(root, pieces)
    return len(pieces)
