"""The names allowed in params.yaml, and the settings that each one requires.

The modules that implement these names take seconds to import, but a misspelt name must fail in the
first stage. A test keeps these tables equal to FRONT_ENDS, DESCRIPTORS, BACKBONES, NETWORKS and
FEATURE_SETS.
"""

PICTURES = "mel128"  # the front end of image networks, for collections with audio
SPECTROGRAMS = "spectrograms"  # of a precomputed collection
# Frames per second of each front end.
FRONT_ENDS = {"vggish": 100.0, "efficientat": 100.0, PICTURES: 22_050 / 512}
# The lowest sample rate of each set, in Hz. FMA's spectral contrast has seven octave bands from
# 200 Hz, so 6400 Hz must be below Nyquist.
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
# The front end of each network.
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
# The setting that must contain a name, and the name. Trained networks add NETWORK_finetuned(_pca).
FEATURES: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("vggish", "vggish_pca", "vggish_stats"), ("embed.backbones", "vggish")),
    **{name: ("embed.backbones", name) for name in _EFFICIENTAT},
    **{name: ("descriptors.sets", name) for name in DESCRIPTORS},
    **{f"fma_{family}": ("descriptors.sets", "fma") for family in _FMA},
    **dict.fromkeys(("log_mel_stats", "log_mel_pca"), ("mel.front_ends", "vggish")),
    **dict.fromkeys((SPECTROGRAMS, "spectrogram_stats"), ("mel.front_ends", SPECTROGRAMS)),
}
