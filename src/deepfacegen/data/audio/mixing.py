"""Whether channels cancel when they are mixed: speech on a wire that is connected the wrong way round is lost
in the mean of both."""

from __future__ import annotations

import numpy as np

# Channels cancel where their mean holds less than so much of their power (times two by their number:
# unrelated channels keep one part in so many). Their powers are compared only where the mean is below QUIET
# of full scale (-40 dB): louder ones are hardly what is left.
CANCELLED, QUIET = 0.01, 0.01


def is_quiet(sound: np.ndarray) -> bool:
    """Whether int16 [T] is so quiet that it may be what is left of channels that cancel."""
    power = float(np.square(sound, dtype=np.float32).mean()) if len(sound) else 0.0
    return power < (QUIET * 32768.0) ** 2


def loudest_channel(powers: np.ndarray, mean_power: float) -> int | None:
    """The loudest of channels of powers [C] whose mean has so little power that they must cancel; None if
    they do not."""
    if len(powers) < 2 or mean_power >= CANCELLED * 2.0 / len(powers) * powers.mean():
        return None
    return int(powers.argmax())
