"""The demo collection: laid out as FMA's, fair to artists, the same for the same settings."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from genre_pred.datasets.sources.demo import Piece, compose
from genre_pred.datasets.sources.demo.artists import draw_artist
from genre_pred.datasets.sources.demo.instruments import INSTRUMENTS, RATE, Pluck
from genre_pred.datasets.sources.demo.patterns import PATTERNS
from genre_pred.datasets.sources.demo.plan import FLAWS, plan_pieces
from genre_pred.datasets.sources.demo.rules import PARTS, RULES, SCALES
from genre_pred.datasets.sources.demo.studio import record

GENRES = {
    "Electronic": 15, "Experimental": 38, "Folk": 17, "Hip-Hop": 21,
    "Instrumental": 1235, "International": 2, "Pop": 10, "Rock": 12,
}  # fmt: skip
SMALL = {"seed": 254, "artists_per_genre": 3, "clips_per_artist": 1}


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    with ProcessPoolExecutor(2) as pool:
        assert compose(root, **SMALL, each=pool.map) == 8 * 3 + 6
    return root


@pytest.fixture(scope="module")
def tracks(collection: Path) -> pd.DataFrame:
    return pd.read_csv(collection / "fma_metadata" / "tracks.csv", index_col=0, header=[0, 1])


@pytest.fixture(scope="module")
def flaws(collection: Path) -> dict[str, Path]:
    return {piece.flaw: _path(collection, piece) for piece in plan_pieces(**SMALL) if piece.flaw}


def _path(root: Path, piece: Piece) -> Path:
    name = f"{piece.track_id:06d}"
    return root / "fma_small" / name[:3] / f"{name}.mp3"


def test_every_row_has_its_file_and_no_file_is_left_over(
    collection: Path, tracks: pd.DataFrame
) -> None:
    files = sorted(file for file in collection.rglob("*") if file.is_file())
    named = [collection / "fma_small" / f"{i // 1000:03d}" / f"{i:06d}.mp3" for i in tracks.index]
    assert files == sorted([*named, collection / "fma_metadata" / "tracks.csv"])


def test_tracks_have_the_headings_of_fma(collection: Path, tracks: pd.DataFrame) -> None:
    lines = (collection / "fma_metadata" / "tracks.csv").read_text().splitlines()
    assert lines[0].startswith(",album,") and lines[1].startswith(",id,")
    assert lines[2] == "track_id" + "," * tracks.shape[1]
    assert tracks.index.name == "track_id" and tracks.index.is_unique
    assert tracks.index.is_monotonic_increasing
    assert set(tracks["set", "subset"]) == {"small"}
    assert set(tracks["set", "split"]) == {"training", "validation", "test"}
    assert pd.api.types.is_integer_dtype(tracks["artist", "id"])
    assert pd.api.types.is_integer_dtype(tracks["album", "id"])
    for genre, number in GENRES.items():
        rows = tracks[tracks["track", "genre_top"] == genre]
        assert set(rows["track", "genres"]) == set(rows["track", "genres_all"]) == {f"[{number}]"}
    for column in [("artist", "name"), ("track", "license"), ("track", "title")]:
        assert tracks[column].str.len().gt(0).all()
    assert tracks["track", "duration"].between(6, 10).all()


def test_an_artist_has_one_genre_and_one_split(tracks: pd.DataFrame) -> None:
    artists = tracks.groupby(("artist", "id"))
    assert (artists[[("set", "split")]].nunique() == 1).all(axis=None)
    assert (artists[[("track", "genre_top")]].nunique() == 1).all(axis=None)
    assert tracks["artist", "id"].nunique() == tracks["artist", "name"].nunique() == 24


@pytest.mark.parametrize(
    ("artists", "wanted"), [(3, (1, 1, 1)), (6, (3, 1, 2)), (12, (7, 2, 3)), (24, (14, 4, 6))]
)
def test_artists_are_shared_out_in_proportion(artists: int, wanted: tuple[int, ...]) -> None:
    pieces = plan_pieces(seed=1, artists_per_genre=artists, clips_per_artist=2)
    good = [piece for piece in pieces if not piece.flaw]
    for genre in GENRES:
        peers = {piece.artist for piece in good if piece.artist.genre == genre}
        splits = [artist.split for artist in peers]
        assert tuple(map(splits.count, ("training", "validation", "test"))) == wanted
        assert all(sum(piece.artist == artist for piece in good) == 2 for artist in peers)


def test_track_ids_do_not_reveal_the_genre() -> None:
    pieces = plan_pieces(seed=254, artists_per_genre=12, clips_per_artist=4)
    ids = np.array([piece.track_id for piece in pieces])
    assert ids.min() >= 2 and ids.max() < 160_000
    assert len(set(np.diff(ids))) > 200  # irregular
    neighbours = [a.artist.genre == b.artist.genre for a, b in pairwise(pieces)]
    assert 0.05 < np.mean(neighbours) < 0.2  # chance is 1/8


def test_good_clips_are_stereo_and_neither_short_nor_silent_nor_clipped(collection: Path) -> None:
    contents = []
    for piece in plan_pieces(**SMALL):
        if not piece.flaw:
            sound, rate = soundfile.read(_path(collection, piece), always_2d=True)
            assert rate == 44_100 and sound.shape[1] == 2
            assert 6 * rate <= len(sound) <= 10 * rate
            assert np.abs(sound).max() < 1
            # No second of the clip is silent, and left and right are not one.
            assert all(np.std(second) > 1e-3 for second in np.array_split(sound, 6))
            assert np.abs(sound[:, 0] - sound[:, 1]).max() > 1e-3
            contents.append(hashlib.sha256(sound.tobytes()).digest())
    assert len(set(contents)) == len(contents) == 24


def test_each_kind_of_broken_file_is_there(flaws: dict[str, Path]) -> None:
    assert set(flaws) == set(FLAWS) and len(FLAWS) == 6
    assert flaws["empty"].stat().st_size == 0
    assert flaws["no audio"].read_bytes()[:3] == b"ID3"
    assert flaws["wrong extension"].read_bytes()[:4] == b"\x89PNG"
    assert b"\xff" not in flaws["noise"].read_bytes()
    assert soundfile.info(flaws["one second"]).duration == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("flaw", ["no audio", "empty", "noise", "wrong extension", "truncated"])
def test_broken_files_yield_hardly_any_sound(flaws: dict[str, Path], flaw: str) -> None:
    try:
        sound, rate = soundfile.read(flaws[flaw])
    except soundfile.LibsndfileError:
        return
    assert len(sound) < 0.2 * rate


def test_broken_files_are_extra_and_of_different_genres() -> None:
    pieces = plan_pieces(seed=3, artists_per_genre=3, clips_per_artist=4)
    broken = [piece for piece in pieces if piece.flaw]
    assert len({piece.artist.genre for piece in broken}) == len(broken) == 6
    assert len(pieces) - len(broken) == 8 * 3 * 4


def test_bytes_depend_on_nothing_but_the_settings(collection: Path, tmp_path: Path) -> None:
    # Another order, this process instead of two others; every fifth piece, because it takes time.
    def backwards(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> Iterable[None]:
        return map(work, pieces[::-5])

    def digests(root: Path) -> dict[str, str]:
        files = (file for file in root.rglob("*") if file.is_file())
        return {str(f.relative_to(root)): hashlib.md5(f.read_bytes()).hexdigest() for f in files}

    compose(tmp_path, **SMALL, each=backwards)
    again = digests(tmp_path)
    assert len(again) == 6 + 1 and again.items() <= digests(collection).items()


def test_another_seed_gives_other_music() -> None:
    first, second = (
        plan_pieces(seed=seed, artists_per_genre=3, clips_per_artist=1) for seed in (254, 255)
    )
    assert not {p.track_id for p in first} & {p.track_id for p in second}
    assert not {p.seed for p in first} & {p.seed for p in second}
    assert not {p.artist for p in first} & {p.artist for p in second}


def test_the_table_is_written_only_when_all_files_are(tmp_path: Path) -> None:
    def interrupted(work: Callable[[Piece], None], pieces: Sequence[Piece]) -> Iterator[None]:
        work(pieces[0])
        yield None
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compose(tmp_path, **SMALL, each=interrupted)
    assert [file.name for file in tmp_path.rglob("*.csv*")] == []


def test_too_few_artists_or_clips_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"artists_per_genre is 2: .* at least 3"):
        compose(tmp_path, seed=1, artists_per_genre=2, clips_per_artist=1)
    with pytest.raises(ValueError, match="clips_per_artist is 0"):
        compose(tmp_path, seed=1, artists_per_genre=3, clips_per_artist=0)
    assert not list(tmp_path.iterdir())


def test_rules_name_only_existing_patterns_and_instruments() -> None:
    assert {genre: rules.fma_id for genre, rules in RULES.items()} == GENRES
    for rules in RULES.values():
        assert set(rules.leans_to) <= set(RULES)
        assert set(rules.scales) <= set(SCALES)
        for part in PARTS:
            for words in filter(None, getattr(rules, part)):
                pattern, instrument = words.split(": ")
                assert pattern in PATTERNS and instrument in INSTRUMENTS


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_sound_for_as_long_as_asked(name: str) -> None:
    for hertz in (30.0, 440.0, 4000.0):
        sound = INSTRUMENTS[name](hertz, 0.35, np.random.default_rng(0))
        assert sound.shape == (round(0.35 * RATE),) and sound.dtype == np.float32
        assert np.isfinite(sound).all() and 0 < np.abs(sound).max() < 4


def test_a_plucked_string_is_in_tune() -> None:
    sound = Pluck(brightness=0.3, ring=2.0)(441.7, 2.0, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    loudest = np.argmax(spectrum) / 2.0  # bins are half a hertz apart
    assert loudest / round(loudest / 441.7) == pytest.approx(441.7, abs=0.6)


def test_an_artist_keeps_a_loudness() -> None:
    artist = draw_artist(
        np.random.default_rng(5), number=1, name="", genre="Rock", split="training"
    )
    for seed in range(3):
        sound = record(artist, 6.0, np.random.default_rng(seed))
        loudness = 20 * np.log10(np.sqrt(np.mean(sound**2)))
        assert loudness == pytest.approx(artist.loudness, abs=4)
