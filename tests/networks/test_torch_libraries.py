"""The guard: torchaudio and torchvision run beside any torch, and whole ones are untouched."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from genre_pred.networks.backbones.torch_libraries import torchaudio_transforms, torchvision_models


def test_masks_cover_bands_and_frames() -> None:
    transforms = torchaudio_transforms()
    torch.manual_seed(254)
    ones = torch.ones(4, 64, 96)
    bands = transforms.FrequencyMasking(30, iid_masks=True)(ones.unsqueeze(1)).squeeze(1)
    frames = transforms.TimeMasking(30, iid_masks=True)(ones.unsqueeze(1)).squeeze(1)
    assert 0.5 < bands.mean() < 1
    assert 0.5 < frames.mean() < 1
    # A mask is whole bands, or whole frames.
    assert torch.equal(bands.amin(dim=2), bands.amax(dim=2))
    assert torch.equal(frames.amin(dim=1), frames.amax(dim=1))


def test_a_mel_spectrogram_has_its_peak_at_the_tone() -> None:
    transforms = torchaudio_transforms()
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16_000) / 16_000)
    power = transforms.Spectrogram(n_fft=512)(tone).mean(dim=1)
    assert power.argmax().item() == 32  # 1000 Hz of 31.25 Hz a bin


def run_beside(torchaudio: str, tmp_path: Path) -> str:
    """Load the guard in a fresh process where torchaudio is this text."""
    package = tmp_path / "torchaudio"
    (package / "_extension").mkdir(parents=True)
    (package / "_extension" / "__init__.py").write_text(torchaudio)
    (package / "__init__.py").write_text("from . import _extension\n")
    (package / "transforms.py").write_text("from torchaudio._extension import *\n")
    code = (
        "from genre_pred.networks.backbones.torch_libraries import torchaudio_transforms as t; "
        "import sys; t();"
        "assert t() is t(); print(getattr(sys.modules['torchaudio._extension'], '__file__', None),"
        " sys.modules['torchaudio']._extension._IS_TORCHAUDIO_EXT_AVAILABLE)"
    )
    return run(code, tmp_path)


def run(code: str, folder: Path) -> str:
    """Run Python in a fresh process that finds the packages in a folder first."""
    source = Path(__file__).parents[2] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{folder}:{source}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_a_torchaudio_that_loads_is_left_alone(tmp_path: Path) -> None:
    said = run_beside("_IS_TORCHAUDIO_EXT_AVAILABLE = True\n", tmp_path)
    assert said.split() == [str(tmp_path / "torchaudio/_extension/__init__.py"), "True"]


def test_a_library_that_does_not_load_is_stood_in_for(tmp_path: Path) -> None:
    said = run_beside("raise OSError('libc10_cuda.so: cannot open')\n", tmp_path)
    assert said.split() == ["None", "False"]


def test_other_faults_are_not_hidden(tmp_path: Path) -> None:
    assert "RuntimeError: another fault" in run_beside(
        "raise RuntimeError('another fault')", tmp_path
    )


def test_forced_alignment_reports_the_missing_library() -> None:
    torchaudio_transforms()
    torchaudio = sys.modules["torchaudio"]
    if torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE:
        pytest.skip("torchaudio's library loads here: nothing is missing")
    with pytest.raises(RuntimeError, match="forced alignment"):
        torchaudio.functional.forced_align(torch.zeros(1, 2, 3), torch.ones(1, 1))


def test_a_network_of_torchvision_answers() -> None:
    net = torchvision_models().resnet18(num_classes=3).eval()
    with torch.inference_mode():
        assert net(torch.zeros(2, 3, 64, 64)).shape == (2, 3)


def run_beside_torchvision(torchvision: str, tmp_path: Path) -> str:
    """Load the guard in a fresh process where torchvision is this text, and tell what it did."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(torchvision)
    (package / "models.py").write_text("")
    return run(
        "from genre_pred.networks.backbones.torch_libraries import torchvision_models as t; "
        "import torch; t();"
        "assert t() is t(); print(hasattr(torch.ops.torchvision, 'nms'))",
        tmp_path,
    )


def test_a_torchvision_that_loads_is_left_alone(tmp_path: Path) -> None:
    assert run_beside_torchvision("", tmp_path).split() == ["False"]


def test_missing_operators_are_stood_in_for(tmp_path: Path) -> None:
    text = "import torch\nif not hasattr(torch.ops.torchvision, 'nms'):\n"
    text += "    raise RuntimeError('operator torchvision::nms does not exist')\n"
    assert run_beside_torchvision(text, tmp_path).split() == ["True"]


def test_other_faults_of_torchvision_are_not_hidden(tmp_path: Path) -> None:
    said = run_beside_torchvision("raise RuntimeError('another fault')", tmp_path)
    assert "RuntimeError: another fault" in said
