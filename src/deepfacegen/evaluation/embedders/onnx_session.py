"""How the networks that come as ONNX files are run: on as many threads as torch uses, and considerate of
other processes."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import torch


def onnx_session(model: bytes | Path) -> onnxruntime.InferenceSession:
    """A serialised ONNX model, or the path of one, loaded. Like torch it uses OMP_NUM_THREADS threads, or
    every core."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # initialisers that nothing uses are of no interest
    options.intra_op_num_threads = torch.get_num_threads()
    # A thread that waits sleeps: where several processes share the cores, spinning takes them from whoever
    # has work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights that are stored as int8 are unpacked once instead of in every call: the same numbers come out a
    # fifth sooner.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
    )
