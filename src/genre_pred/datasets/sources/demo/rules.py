"""The eight genres as rules, from which artists draw their habits.

A part is written "pattern: instrument"; an empty part is silent. A choice that is listed twice is
twice as likely. Ranges are uniform. Genres overlap: artists borrow some habits from related genres.
"""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class Rules:
    """The rules of a genre."""

    fma_id: int  # the genre's number in FMA's genres.csv
    leans_to: tuple[str, ...]
    tempo: Range  # beats per minute
    bars: tuple[int, ...]  # sixteenths in a bar
    swing: Range  # delay of every second sixteenth, as a share of a sixteenth
    scales: tuple[str, ...]
    progressions: tuple[str, ...]  # scale degrees from 1, one per bar
    grooves: tuple[str, ...]
    kits: tuple[str, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    lead: tuple[str, ...]
    pad: tuple[str, ...]
    tone: tuple[tuple[int, int], ...]  # the genre's mastering curve: octave-wide (Hz, dB)
    tilt: Range  # dB per octave: dark below 0, bright above 0
    room: Range  # seconds of reverberation
    wet: Range  # share of reverberation in the mix
    drive: Range  # dB into the limiter: more is denser
    loudness: Range  # dB full scale, RMS
    pump: Range  # 0..1: how far the kick ducks everything else
    hiss: Range  # dB full scale


# fmt: off
RULES: dict[str, Rules] = {
    "Electronic": Rules(
        fma_id=15, leans_to=("Experimental", "Pop", "Hip-Hop", "Instrumental"),
        tempo=(112, 145), bars=(16,), swing=(0, 0.1),
        scales=("minor", "minor", "dorian", "phrygian"),
        progressions=("1", "11", "1166", "1673", "14"),
        grooves=("four on the floor", "four on the floor", "techno", "techno", "breakbeat"),
        kits=("machine", "machine", "deep machine", "tight kit"),
        bass=("offbeats: acid", "octaves: acid", "eighths: saw", "slides: sub"),
        chords=("arpeggio: saw", "arpeggio: square", "stabs: saw", "comping: square"),
        lead=("hook: acid", "hook: saw", "hook: bell", "rolls: static", ""),
        pad=("hold: bright pad", "hold: warm pad", ""),
        tone=((50, 9), (400, -6), (9000, 6)),
        tilt=(0.0, 0.8), room=(0.4, 1.8), wet=(0.08, 0.3),
        drive=(4, 10), loudness=(-16, -12), pump=(0.3, 0.9), hiss=(-90, -70),
    ),
    "Experimental": Rules(
        fma_id=38, leans_to=("Electronic", "Instrumental", "International", "Rock"),
        tempo=(50, 150), bars=(14, 16, 20, 22), swing=(0, 0.3),
        scales=("chromatic", "whole tone", "slendro", "minor"),
        progressions=("1", "12", "15"),
        grooves=("none", "none", "none", "hand drums", "breakbeat"),
        kits=("deep machine", "skins", "dusty"),
        bass=("clusters: hum", "clusters: sub", "scattered: distorted", ""),
        chords=("scattered: clang", "scattered: piano", "scattered: crackle", "clusters: reed"),
        lead=("rolls: static", "scattered: static", "scattered: gamelan", "rolls: clang"),
        pad=("hold: wind", "clusters: choir", "clusters: strings", "scattered: wind"),
        tone=((300, 5), (4500, 6)),
        tilt=(-0.8, 0.8), room=(0.8, 4), wet=(0.15, 0.6),
        drive=(0, 9), loudness=(-28, -15), pump=(0, 0.1), hiss=(-75, -45),
    ),
    "Folk": Rules(
        fma_id=17, leans_to=("International", "Instrumental", "Pop", "Rock"),
        tempo=(75, 125), bars=(16, 12, 16, 24), swing=(0, 0.25),
        scales=("major", "major", "mixolydian", "dorian"),
        progressions=("1451", "1541", "1645", "1415", "1171"),
        grooves=("none", "none", "none", "stomp", "shaker"),
        kits=("brushes", "skins"),
        bass=("roots: upright bass", "", ""),
        chords=("picking: steel", "picking: nylon", "strum: steel", "picking: banjo"),
        lead=("melody: singer", "melody: singer", "melody: fiddle", "melody: flute"),
        pad=("", "", "hold: accordion"),
        tone=((80, -12), (350, 4), (2200, 5)),
        tilt=(-0.3, 0.4), room=(0.2, 0.9), wet=(0.05, 0.2),
        drive=(0, 3), loudness=(-25, -18), pump=(0, 0), hiss=(-70, -52),
    ),
    "Hip-Hop": Rules(
        fma_id=21, leans_to=("Electronic", "Pop", "Instrumental", "International"),
        tempo=(72, 100), bars=(16,), swing=(0.1, 0.45),
        scales=("minor", "minor pentatonic", "dorian"),
        progressions=("1", "16", "14", "1141"),
        grooves=("boom bap", "boom bap", "breakbeat", "trap", "trap"),
        kits=("dusty", "dusty", "deep machine", "tight kit"),
        bass=("slides: sub", "slides: sub", "roots: upright bass", "roots: bass guitar"),
        chords=("comping: electric piano", "comping: piano", "stabs: strings", "hold: organ", ""),
        lead=("syllables: rapper", "syllables: rapper", "syllables: rapper", "hook: bell"),
        pad=("", "", "hold: crackle", "hold: choir"),
        tone=((60, 10), (1000, 5), (6000, -8)),
        tilt=(-1.2, -0.4), room=(0.1, 0.5), wet=(0.02, 0.12),
        drive=(3, 9), loudness=(-17, -13), pump=(0, 0.4), hiss=(-75, -55),
    ),
    "Instrumental": Rules(
        fma_id=1235, leans_to=("Folk", "Experimental", "Electronic", "Rock"),
        tempo=(55, 110), bars=(16, 12, 16), swing=(0, 0.1),
        scales=("major", "minor", "lydian"),
        progressions=("1645", "1536", "14", "6415", "1"),
        grooves=("none", "none", "none", "none", "half time"),
        kits=("brushes", "tight kit"),
        bass=("", "", "roots: upright bass", "clusters: hum"),
        chords=("picking: piano", "arpeggio: piano", "picking: harp", "picking: clean guitar"),
        lead=("melody: piano", "melody: strings", "melody: flute", "melody: electric piano", ""),
        pad=("hold: strings", "hold: strings", "hold: warm pad", "hold: wind"),
        tone=((250, 6), (4000, -8), (9000, -8)),
        tilt=(-1.2, -0.3), room=(1.0, 3.5), wet=(0.2, 0.5),
        drive=(0, 3), loudness=(-27, -19), pump=(0, 0), hiss=(-85, -62),
    ),
    "International": Rules(
        fma_id=2, leans_to=("Folk", "Pop", "Hip-Hop", "Experimental"),
        tempo=(85, 135), bars=(14, 16, 16, 20, 12), swing=(0, 0.2),
        scales=("hijaz", "hijaz", "rast", "slendro", "hirajoshi"),
        progressions=("1", "12", "1121", "17"),
        grooves=("dumbek", "dumbek", "clave", "hand drums", "hand drums"),
        kits=("skins", "skins", "skins", "brushes"),
        bass=("roots: upright bass", "eighths: upright bass", "", "octaves: bass guitar"),
        chords=("picking: nylon", "comping: accordion", "arpeggio: gamelan", "arpeggio: mallet"),
        lead=("ornaments: reed", "ornaments: sitar", "ornaments: flute", "ornaments: singer"),
        pad=("", "", "hold: reed", "hold: accordion"),
        tone=((130, 4), (900, 7), (1800, 5), (6000, -3)),
        tilt=(-0.2, 0.5), room=(0.3, 1.4), wet=(0.06, 0.25),
        drive=(1, 6), loudness=(-22, -15), pump=(0, 0), hiss=(-72, -50),
    ),
    "Pop": Rules(
        fma_id=10, leans_to=("Electronic", "Rock", "Folk", "Hip-Hop"),
        tempo=(92, 128), bars=(16,), swing=(0, 0.12),
        scales=("major", "major", "minor", "mixolydian"),
        progressions=("1564", "6415", "1465", "4156"),
        grooves=("backbeat", "backbeat", "backbeat", "four on the floor", "half time"),
        kits=("tight kit", "tight kit", "machine", "rock kit"),
        bass=("eighths: bass guitar", "roots: bass guitar", "octaves: bass guitar", "eighths: sub"),
        chords=("comping: piano", "strum: clean guitar", "stabs: electric piano", "hold: organ"),
        lead=("melody: singer", "melody: singer", "melody: singer", "hook: square"),
        pad=("hold: bright pad", "hold: choir", "hold: strings", ""),
        tone=((100, 3), (600, -3), (3200, 5), (10_000, 9)),
        tilt=(0.4, 1.1), room=(0.5, 1.4), wet=(0.1, 0.25),
        drive=(4, 9), loudness=(-17, -13), pump=(0, 0.3), hiss=(-90, -72),
    ),
    "Rock": Rules(
        fma_id=12, leans_to=("Pop", "Folk", "Experimental", "Instrumental"),
        tempo=(105, 165), bars=(16, 16, 16, 12), swing=(0, 0.08),
        scales=("minor pentatonic", "mixolydian", "minor", "dorian"),
        progressions=("1451", "1735", "1475", "15", "1341"),
        grooves=("driving rock", "driving rock", "backbeat", "backbeat", "half time"),
        kits=("rock kit", "rock kit", "rock kit", "tight kit"),
        bass=("eighths: bass guitar", "eighths: bass guitar", "roots: bass guitar"),
        chords=("chug: distorted", "power: distorted", "power: distorted", "strum: clean guitar"),
        lead=("melody: singer", "melody: distorted", "hook: distorted", ""),
        pad=("", "", "", "power: distorted", "hold: organ"),
        tone=((120, 5), (500, -4), (2500, 8), (9000, -3)),
        tilt=(-0.2, 0.5), room=(0.2, 0.9), wet=(0.03, 0.18),
        drive=(6, 13), loudness=(-17, -12), pump=(0, 0), hiss=(-75, -55),
    ),
}
# fmt: on

SCALES: dict[str, tuple[float, ...]] = {  # in semitones; halves are quarter-tones
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "whole tone": (0, 2, 4, 6, 8, 10),
    "chromatic": tuple(range(12)),
    "hijaz": (0, 1, 4, 5, 7, 8, 10),
    "rast": (0, 2, 3.5, 5, 7, 9, 10.5),
    "hirajoshi": (0, 2, 3, 7, 8),
    "slendro": (0, 2.4, 4.8, 7.2, 9.6),
}
PARTS = ("bass", "chords", "lead", "pad")
PRODUCTION = ("tilt", "room", "wet", "drive", "loudness", "pump", "hiss")
