"""A clip's picture: the right way up, scaled by itself, in the colours asked for."""

import numpy as np
import torch
from matplotlib import colormaps
from torch.nn import functional as F

from genre_pred.networks.trainable.clip_picture import (
    ColouredPicture,
    ImageNetPicture,
    clip_picture,
    resized,
)


def test_time_runs_to_the_right_and_the_lowest_band_is_the_bottom_row() -> None:
    patches = torch.zeros(1, 2, 3, 4)  # two patches of three frames
    patches[0, 0, 2, 0] = 1.0  # the third frame, lowest band
    patches[0, 1, 0, 3] = 0.5  # the fourth frame, highest band
    picture = clip_picture(patches)
    assert picture.shape == (1, 1, 4, 6)
    expected = torch.zeros(4, 6)
    expected[3, 2], expected[0, 3] = 1.0, 0.5
    torch.testing.assert_close(picture[0, 0], expected)


def test_each_clip_is_scaled_by_its_own_range() -> None:
    patches = torch.randn(3, 2, 5, 4) * torch.tensor([1.0, 20.0, 0.0])[:, None, None, None] - 30
    pictures = clip_picture(patches)
    assert pictures.amin(dim=(1, 2, 3)).tolist() == [0, 0, 0]
    assert pictures.amax(dim=(1, 2, 3)).tolist() == [1, 1, 0]  # silence is black
    louder = clip_picture(patches[:2] * 2 + 7)
    torch.testing.assert_close(louder, pictures[:2])


def test_shrinking_looks_at_every_frame() -> None:
    pictures = torch.zeros(1, 1, 4, 600)
    pictures[..., 300] = 1.0
    assert resized(pictures, 4, 100).sum(dim=-1).min() > 0.1
    grown = resized(pictures[..., :2], 8, 4)
    plain = F.interpolate(pictures[..., :2], (8, 4), mode="bilinear")
    torch.testing.assert_close(grown, plain)


def test_imagenets_picture_is_grey_and_normalised() -> None:
    patches = torch.rand(1, 1, 224, 224)
    patches[0, 0, 0, 0], patches[0, 0, 0, 1] = 0.0, 1.0
    picture = ImageNetPicture(224)(patches)[0]
    grey = patches[0, 0].T.flip(0)
    for channel, (mean, std) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)]):
        torch.testing.assert_close(picture[channel], (grey - mean) / std)


def test_colours_are_matplotlibs() -> None:
    patches = torch.linspace(0, 1, 6)[None, None, :, None].expand(1, 1, 6, 4)
    picture = ColouredPicture(4, 6)(patches)[0]
    assert picture.shape == (4, 4, 6)
    expected = colormaps["viridis"](np.linspace(0, 1, 6))  # (6, 4): red, green, blue, alpha
    np.testing.assert_allclose(picture[:, 0].T, expected, atol=0.02)
    assert (picture[3] == 1).all()


def test_tables_are_no_weights() -> None:
    assert ImageNetPicture(224).state_dict() == {}
    assert ColouredPicture(4, 6).state_dict() == {}
