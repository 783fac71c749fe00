"""The licences of the collection and of the initial weights."""

from genre_pred.reporting.licences import SCRATCH, licences_of


def test_the_data_come_first_then_each_network_by_what_it_starts_from():
    starts = {"vggish": "audioset", "mn04": "audioset", "resnet18": "imagenet", "cnn_mel": SCRATCH,
              "mn10": "random", "vgg16": "/weights/mine.pth"}  # fmt: skip
    table = licences_of("fma_large", starts).set_index("name")
    assert list(table.index) == ["fma_large", *starts]
    assert "Creative Commons" in table["licence"]["fma_large"]
    told = table["licence"]
    assert (told["vggish"], told["mn04"]) == ("Apache-2.0", "MIT")
    assert told["resnet18"].startswith("BSD-3-Clause") and "ImageNet" in told["resnet18"]
    assert told["cnn_mel"] == told["mn10"] == "No third-party licence"
    assert told["vgg16"].startswith("Unknown")


def test_every_source_has_a_licence(params):
    sources = type(params.data).model_fields["source"].annotation.__args__
    for source in sources:
        assert licences_of(source, {})["licence"][0]
