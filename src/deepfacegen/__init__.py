"""Deep Face Gen: generate a face from a voice, and measure how much the voice determines of it.

`from deepfacegen import VoiceToFace` is the Python API (docs/api.md). It is imported on first use, so that
`import deepfacegen` stays cheap.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from deepfacegen import threads

if TYPE_CHECKING:
    from deepfacegen.api.voice_to_face import VoiceToFace as VoiceToFace

__version__ = "0.1.0"
__all__ = ["VoiceToFace", "__version__"]

# onnxruntime reports its use to Microsoft unless this is set before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
threads.limit(os.environ)


def __getattr__(name: str) -> Any:
    if name == "VoiceToFace":
        from importlib import import_module

        return import_module("deepfacegen.api.voice_to_face").VoiceToFace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
