"""68 points by the package face_alignment, offline: its network with weights that lie on this machine
already, in batches over faces."""

from __future__ import annotations

import functools
import pickle
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deepfacegen import distributed, weights
from deepfacegen.encoders import fan
from deepfacegen.errors import UserError

# What face_alignment 1.5 looks for in torch's hub folder, and would fetch if it were not there.
FILE = "2DFAN4-11f355bf06.pth.tar"
ADDRESS = f"https://www.adrianbulat.com/downloads/python-fan/{FILE}"


def weights_path() -> Path:
    """Where FAN's weights lie: $TORCH_HOME/hub/checkpoints. Raises UserError naming the file and the folder
    when they do not."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE
    if not path.is_file():
        raise UserError(
            f"faces.landmarks: fan68 needs {path}, which is not there; "
            f"put the file from {ADDRESS} into that folder, or choose yunet5"
        )
    return path


def five_points(pictures: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
    """One face each in N pictures, uint8 RGB [H, W, 3], and YuNet's box of it, float32 [N, 4] -> five points
    for alignment float32 [N, 5, 2].

    The network is loaded once a process, onto DEEPFACEGEN_DEVICE if set, else a GPU if there is one. Raises
    UserError as `weights_path` does.
    """
    library = _library()
    device = torch.device(library.device)
    found = fan.landmarks(
        library.face_alignment_net, pictures, boxes, library.face_detector.reference_scale, device
    )
    return fan.five(found)


@functools.cache
def _library() -> Any:
    """face_alignment with YuNet as its detector, for whose boxes the cut is scaled. Raises UserError for
    weights that are missing or damaged."""
    path = weights_path()
    import face_alignment

    settings = {"device": str(distributed.device()), "compile": False, "flip_input": False}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that YuNet runs on the CPU; the boxes come from elsewhere
            return face_alignment.FaceAlignment(
                face_alignment.LandmarksType.TWO_D,
                face_detector="yunet",
                face_detector_kwargs={"path_to_detector": str(weights.locate("yunet"))},
                **settings,
            )
    except (
        RuntimeError,
        EOFError,
        ValueError,
        OSError,
        KeyError,
        AttributeError,
        TypeError,
        pickle.UnpicklingError,
    ) as error:
        raise UserError(f"{path}: not the weights of 2DFAN-4; fetch the file anew from {ADDRESS}") from error
