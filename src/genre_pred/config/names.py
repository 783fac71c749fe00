"""The names that params.yaml may use, and what each asks of the settings before it.

What does the work under these names takes seconds to import, and the first stage must know of a
misspelt name: a test holds these tables equal to FRONT_ENDS, DESCRIPTORS, BACKBONES, NETWORKS and
FEATURE_SETS.
"""

PICTURES = "mel128"  # the front end of networks on pictures, if there is sound
SPECTROGRAMS = "spectrograms"  # of a precomputed collection
# The frames per second of each.
FRONT_ENDS = {"vggish": 100.0, "efficientat": 100.0, PICTURES: 22_050 / 512}
# The lowest sample rate of each, in Hz. FMA's seven bands of spectral contrast, an octave each,
# from 200 Hz, need 6400 Hz below Nyquist.
DESCRIPTORS = {"mfcc": 1, "fma": 12_801, "gtzan": 1}

_EFFICIENTAT = ("mn04", "mn10", "mn20", "mn40")
_ON_PICTURES = (
    "resnet18",
    "alexnet",
    "vgg11_bn",
    "squeezenet",
    "densenet121",
    "inception_v3",
    "vgg16",
    "cnn_mel",
    "s4_cnn",
)
# The front end of each.
BACKBONES = {"vggish": "vggish", **dict.fromkeys(_EFFICIENTAT, "efficientat")}
NETWORKS = {**BACKBONES, **dict.fromkeys(_ON_PICTURES, PICTURES)}

_FMA = (
    "chroma_cens",
    "chroma_cqt",
    "chroma_stft",
    "mfcc",
    "rmse",
    "spectral_bandwidth",
    "spectral_centroid",
    "spectral_contrast",
    "spectral_rolloff",
    "tonnetz",
    "zcr",
    "mfcc_contrast",
    "mfcc_contrast_chroma",
    "mfcc_contrast_centroid",
    "mfcc_contrast_chroma_centroid",
    "mfcc_contrast_chroma_centroid_tonnetz",
    "mfcc_contrast_chroma_centroid_zcr",
)
# Which setting must name what. Besides, a trained network gives NETWORK_finetuned(_pca).
FEATURES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("vggish", "vggish_pca", "vggish_stats"), ("embed.backbones", "vggish")),
    **{name: ("embed.backbones", name) for name in _EFFICIENTAT},
    **{name: ("descriptors.sets", name) for name in DESCRIPTORS},
    **{f"fma_{family}": ("descriptors.sets", "fma") for family in _FMA},
    **dict.fromkeys(("log_mel_stats", "log_mel_pca"), ("mel.front_ends", "vggish")),
    **dict.fromkeys((SPECTROGRAMS, "spectrogram_stats"), ("mel.front_ends", SPECTROGRAMS)),
}
