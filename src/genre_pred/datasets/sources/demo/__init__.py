"""The demo collection: synthetic music, so that the pipeline can be tried without a download.

`rules` describes each genre, `artists` draws artists from these rules, `plan` lists their pieces,
`patterns`, `instruments` and `drums` play them, `studio` mixes them, and `writer` writes them in
the layout of FMA.
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
        root: The folder where fma_small/ and fma_metadata/ are written; created if missing.
        seed: Seed of all random choices, 0 or more.
        artists_per_genre: 3 or more; of 12, 7 are for training, 2 for validation, 3 for test.
        clips_per_artist: Good clips of each artist, 1 or more; six broken files are added.
        each: Maps a picklable function over the pieces, in any order, in any processes.

    Returns:
        The number of tracks written, including the broken ones.

    Raises:
        ValueError: If there are too few artists or clips.
    """
    pieces = plan_pieces(
        seed=seed, artists_per_genre=artists_per_genre, clips_per_artist=clips_per_artist
    )
    for _ in each(partial(write_piece, root), pieces):
        pass
    # The table comes last: if it exists, the collection is complete.
    write_tracks(root, pieces)
    return len(pieces)
