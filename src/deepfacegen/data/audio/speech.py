"""Voice activity in a recording: Silero VAD in ONNX, run over many frames per call."""

from __future__ import annotations

import functools

import numpy as np
import onnxruntime

from deepfacegen import weights
from deepfacegen.data.files.media import SAMPLE_RATE_HZ

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64  # end of the frame before, which the network sees in front of each frame
STATE_SHAPE = (1, 1, 128)
FRAMES_PER_CALL = 512  # about 16 s; bounds the memory of a call

HYSTERESIS = 0.15  # speech goes on until its probability falls this far below the threshold
MIN_SPEECH_SECONDS = 0.25
MIN_SILENCE_SECONDS = 0.1
PAD_SECONDS = 0.03


def trim(audio: np.ndarray, threshold: float = 0.5, pad_seconds: float = PAD_SECONDS) -> np.ndarray:
    """int16 [T], 16 kHz -> the speech in it, joined: int16 [T'], T' <= T; empty when nobody speaks."""
    parts = segments(probabilities(audio), len(audio), threshold, pad_seconds)
    return np.concatenate([audio[begin:end] for begin, end in parts]) if len(parts) else audio[:0]


def probabilities(audio: np.ndarray) -> np.ndarray:
    """int16 [T], 16 kHz -> probability of speech in each 32 ms frame: float32 [ceil(T / 512)]."""
    count = -(-len(audio) // FRAME_SAMPLES)
    found = np.empty(count, dtype=np.float32)
    hidden = cell = np.zeros(STATE_SHAPE, dtype=np.float32)
    before = np.zeros((1, CONTEXT_SAMPLES), dtype=np.float32)
    for first in range(0, count, FRAMES_PER_CALL):  # a long recording needs no more memory than its own
        part = audio[first * FRAME_SAMPLES : (first + FRAMES_PER_CALL) * FRAME_SAMPLES]
        frames = np.zeros((-(-len(part) // FRAME_SAMPLES), FRAME_SAMPLES), dtype=np.float32)
        frames.reshape(-1)[: len(part)] = part.astype(np.float32) / 32768.0
        ends = np.concatenate([before, frames[:, -CONTEXT_SAMPLES:]])
        given = np.concatenate([ends[:-1], frames], axis=1)
        values, hidden, cell = _network().run(
            ["speech_probs", "hn", "cn"], {"input": given, "h": hidden, "c": cell}
        )
        found[first : first + len(frames)], before = values.reshape(-1), ends[-1:]
    return found


def segments(
    probability: np.ndarray, samples: int, threshold: float, pad_seconds: float = PAD_SECONDS
) -> np.ndarray:
    """Frame probabilities [F] -> begin and end of each stretch of speech in samples, int64 [N, 2], in order,
    without overlap.

    Speech begins at `threshold` and ends where it stays below `threshold - 0.15` for at least 0.1 s;
    stretches of 0.25 s or less are dropped; each is widened by `pad_seconds` (two that would then meet share
    the gap).
    """
    low = max(threshold - HYSTERESIS, 0.01)
    pad, min_speech, min_silence = (
        round(s * SAMPLE_RATE_HZ) for s in (pad_seconds, MIN_SPEECH_SECONDS, MIN_SILENCE_SECONDS)
    )
    found: list[tuple[int, int]] = []
    begin = quiet = None
    for frame, value in enumerate(probability.tolist()):
        here = frame * FRAME_SAMPLES
        if value >= threshold:
            begin, quiet = (here if begin is None else begin), None
        elif begin is not None and value < low:
            quiet = here if quiet is None else quiet
            if here - quiet >= min_silence:
                found.append((begin, quiet))
                begin = quiet = None
    if begin is not None:
        found.append((begin, samples))
    long = [part for part in found if part[1] - part[0] > min_speech]
    bounds = np.array(long, dtype=np.int64).reshape(-1, 2)
    if len(bounds):
        half = np.minimum(pad, (bounds[1:, 0] - bounds[:-1, 1]) // 2)
        bounds[0, 0] = max(0, bounds[0, 0] - pad)
        bounds[1:, 0] -= half
        bounds[:-1, 1] += half
        bounds[-1, 1] = min(samples, bounds[-1, 1] + pad)
    return bounds


@functools.cache
def _network() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(weights.locate("silero_vad")), options, providers=["CPUExecutionProvider"]
    )
