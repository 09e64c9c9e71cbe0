"""Deep Face Gen: draw a face from a voice, and measure honestly how much the voice told."""

import os

__version__ = "0.1.0"

# onnxruntime reports its use to Microsoft unless told otherwise before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
