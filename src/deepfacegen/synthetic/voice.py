"""Voices of sample people: espeak-ng with one voice variant per person, then breath, tremor, tilt and the
recording in numpy."""

from __future__ import annotations

import atexit
import ctypes
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter1d
from scipy.signal import resample_poly

from deepfacegen.errors import UserError
from deepfacegen.synthetic.people import Person
from deepfacegen.synthetic.sentences import SENTENCES

SAMPLE_RATE_HZ = 16_000
_VOICE = "en-us"
_VARIANT = "sampleperson"
_DATA_FILES = ("phontab", "phonindex", "phondata", "intonations", "en_dict", "lang/gmw/en-US")
_RETRIEVAL, _CHAR_UTF8, _RATE = 1, 1, 1
# espeak-ng speaks our short words faster than its nominal rate
_WORDS_PER_NOMINAL_WORD = 1.2


@dataclass(frozen=True)
class VoiceTraits:
    """What makes a voice: set by the audible latents, moved a little by the person's own timbre."""

    pitch_low_hz: float
    pitch_high_hz: float
    formant_percent: float
    words_per_minute: int
    roughness: float
    tilt_db_per_octave: float
    breath: float
    tremor: float


def traits_of(person: Person) -> VoiceTraits:
    """Gender sets pitch and formants, body size the formants within a gender (+-12 %), age rate, roughness,
    tilt, breath and tremor."""
    male = person.gender == "m"
    old = (person.age_years - 50.0) / 30.0
    grown = float(np.clip((person.age_years - 20.0) / 60.0, 0, 1))
    big = 2.0 * person.body_size - 1.0
    t = person.timbre
    pitch = (104.0 if male else 196.0) * (1 - 0.05 * big) * (1 + (0.05 if male else -0.08) * old)
    pitch *= 1 + 0.04 * t[0]
    formants = (95.0 if male else 113.0) * (1 - 0.12 * big) * (1 + 0.008 * t[1])
    return VoiceTraits(
        pitch_low_hz=pitch * 0.84,
        pitch_high_hz=pitch * (1.22 + 0.02 * t[2]),
        formant_percent=formants,
        words_per_minute=round(182 - 34 * old + 3.5 * t[3]),
        roughness=0.05 + 0.35 * grown,
        tilt_db_per_octave=-2.6 * old + 0.3 * t[4],
        breath=0.012 + 0.05 * grown**1.5,
        tremor=0.022 * float(np.clip((person.age_years - 45) / 35, 0, 1)),
    )


def compose_text(rng: np.random.Generator, person: Person, seconds: float) -> str:
    """Different sentences, enough for about `seconds` at the person's speaking rate."""
    words_wanted = _WORDS_PER_NOMINAL_WORD * seconds * traits_of(person).words_per_minute / 60.0
    chosen: list[str] = []
    words = 0
    for k in rng.permutation(len(SENTENCES)):
        length = len(SENTENCES[k].split())
        if chosen and words + 0.5 * length > words_wanted:
            break
        chosen.append(SENTENCES[k])
        words += length
    return " ".join(chosen)


def speak(person: Person, text: str, rng: np.random.Generator) -> np.ndarray:
    """`text` in the voice of `person`, recorded anew, int16 `[T]` at 16 kHz. Raises UserError where espeak-ng
    cannot start."""
    traits = traits_of(person)
    engine = _engine()
    spoken = engine.speak(text, _variant(traits), traits.words_per_minute).astype(np.float32) / 32768.0
    trembling = _tremble(spoken, traits.tremor, engine.rate_hz, rng)
    hoarse = trembling * _hoarseness(len(trembling), traits.roughness, engine.rate_hz, rng)
    sound = resample_poly(hoarse, SAMPLE_RATE_HZ, engine.rate_hz).astype(np.float32)
    sound = sound + _breath(sound, traits.breath, rng)
    return _record(sound, traits.tilt_db_per_octave, rng)


def _tremble(sound: np.ndarray, depth: float, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Slow wavering of pitch by `depth` (relative), a time warp around 5 Hz."""
    wobble_hz, phase = rng.uniform(4.5, 6.0), rng.uniform(0, 2 * np.pi)
    if depth == 0.0 or len(sound) == 0:
        return sound
    t = np.arange(len(sound), dtype=np.float64)
    shift = depth * rate_hz / (2 * np.pi * wobble_hz) * np.sin(2 * np.pi * wobble_hz * t / rate_hz + phase)
    return np.interp(t + shift, t, sound).astype(np.float32)


def _hoarseness(length: int, depth: float, rate_hz: int, rng: np.random.Generator) -> np.ndarray:
    """Gain that jitters by `depth` from one pitch period to the next or so, float32 `[length]`."""
    knots = np.arange(0, length + rate_hz // 150, rate_hz // 150)
    jitter = np.interp(np.arange(length), knots, rng.standard_normal(len(knots)))
    return (1.0 + depth * jitter).astype(np.float32)


def _breath(sound: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Aspiration: bright noise that follows the loudness of the voice."""
    envelope = uniform_filter1d(np.abs(sound), 320)
    noise = np.diff(rng.standard_normal(len(sound) + 1)).astype(np.float32)
    return (3.0 * amount) * envelope * noise


def _record(sound: np.ndarray, tilt_db_per_octave: float, rng: np.random.Generator) -> np.ndarray:
    """The voice's own tilt, then what differs from one recording to the next: equaliser, level, room noise.
    int16."""
    padded = fft.next_fast_len(len(sound), real=True)
    octaves = np.log2(np.maximum(fft.rfftfreq(padded, 1 / SAMPLE_RATE_HZ), 80.0) / 700.0).astype(np.float32)
    tilt, depth, phase = rng.normal(0.0, 0.3), rng.normal(0.0, 0.6), rng.uniform(0, 2 * np.pi)
    colour = tilt * octaves + depth * np.sin(1.3 * octaves + phase)
    gain = (10 ** ((tilt_db_per_octave * octaves + colour) / 20)).astype(np.float32)
    tilted = fft.irfft(fft.rfft(sound, padded) * gain, padded)[: len(sound)]
    rms = np.sqrt(np.mean(tilted**2)) + 1e-9
    tilted *= 10 ** (rng.uniform(-25.0, -19.0) / 20) / rms
    tilted += 10 ** (rng.uniform(-66.0, -56.0) / 20) * rng.standard_normal(len(sound))
    return (np.clip(tilted, -0.999, 0.999) * 32767).astype(np.int16)


def _variant(traits: VoiceTraits) -> str:
    """The voice variant file of espeak-ng. Its breath, flutter and roughness stay off: they carry state from
    one call to the next, ours do not."""
    pitch = f"pitch {traits.pitch_low_hz:.0f} {traits.pitch_high_hz:.0f}"
    lines = [f"language variant\nname {_VARIANT}", pitch, "flutter 0", "roughness 0"]
    lines += [f"formant {k} {traits.formant_percent:.0f} 100 100" for k in range(9)]
    return "\n".join(lines) + "\n"


class _Engine:
    """The espeak-ng library of this process, with a small private data folder into which voice variants can
    be written."""

    def __init__(self) -> None:
        source = Path(espeakng_loader.get_data_path())
        home = Path(tempfile.mkdtemp(prefix="deepfacegen-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        data = home / "espeak-ng-data"
        for name in _DATA_FILES:
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, data / name)
        self._variant_path = data / "voices" / "!v" / _VARIANT
        self._variant_path.parent.mkdir(parents=True)
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.rate_hz = int(self._library.espeak_Initialize(_RETRIEVAL, 0, str(data).encode(), 0))
        if self.rate_hz <= 0:
            advice = "reinstall the package espeakng-loader"
            raise UserError(f"espeak-ng cannot start with its data in {data}: {advice}")
        self._pieces: list[np.ndarray] = []
        samples = ctypes.POINTER(ctypes.c_short)
        callback = ctypes.CFUNCTYPE(ctypes.c_int, samples, ctypes.c_int, ctypes.c_void_p)
        self._callback = callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0

    def speak(self, text: str, variant: str, words_per_minute: int) -> np.ndarray:
        """Speech, int16 `[T]` at `rate_hz`. Raises UserError when espeak-ng refuses."""
        self._variant_path.write_text(variant, encoding="utf-8")
        self._pieces.clear()
        encoded = text.encode() + b"\0"
        failed = self._library.espeak_SetVoiceByName(f"{_VOICE}+{_VARIANT}".encode())
        failed = failed or self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        failed = failed or self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded)), 0, 1, 0, _CHAR_UTF8, None, None
        )
        failed = failed or self._library.espeak_Synchronize()
        if failed or not self._pieces:
            raise UserError(f"espeak-ng failed (code {failed}) on: {text[:60]}")
        return np.concatenate(self._pieces)


@functools.cache
def _engine() -> _Engine:
    return _Engine()
