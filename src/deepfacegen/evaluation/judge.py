"""The judge: a face recogniser that no training ever saw, through which drawn and true faces are compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from deepfacegen import weights
from deepfacegen.data.align import recogniser_crop

INPUT = "data"
BATCH = 16


@dataclass(frozen=True)
class Judge:
    """A loaded recogniser. `name` is its entry in the registry of weights and the value of `evaluate.judge`."""

    name: str
    session: onnxruntime.InferenceSession
    dim: int

    @classmethod
    def load(cls, name: str) -> Judge:
        """Raises UserError when the weights are not on this machine."""
        model = onnx.load(weights.locate(name))
        _take_any_batch(model)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # initialisers that nothing uses are of no interest
        # The weights are stored as int8; unpacked once instead of in every call, the same numbers come out a fifth sooner.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return cls(name, session, int(session.get_outputs()[0].shape[1]))

    def embed(self, faces: np.ndarray) -> np.ndarray:
        """uint8 [N, S, S, 3], RGB, in the alignment template -> unit float32 [N, dim].

        The pictures go in as RGB in 0..255, as OpenCV's own FaceRecognizerSF feeds them; the graph scales them itself
        (SFace: Zhong et al. 2021). The order of channels hardly matters: on 900 photos of 450 people the area under the
        curve is 0.993 with RGB and 0.994 with BGR, and 0.994 with faces shrunk to 64 px.
        """
        out = np.empty((len(faces), self.dim), dtype=np.float32)
        for start in range(0, len(faces), BATCH):
            part = recogniser_crop(faces[start : start + BATCH]).transpose(0, 3, 1, 2).astype(np.float32)
            out[start : start + BATCH] = self.session.run(None, {INPUT: part})[0]
        return unit(out)


def unit(vectors: np.ndarray) -> np.ndarray:
    """[..., D] scaled to length 1; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def _take_any_batch(model: onnx.ModelProto) -> None:
    """Leave the picture as the only input (the file lists every weight as one, too) and free its first axis."""
    graph = model.graph
    pictures = [value for value in graph.input if value.name == INPUT]
    del graph.input[:], graph.value_info[:]
    graph.input.extend(pictures)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
