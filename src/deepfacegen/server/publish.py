"""Puts a release into MLflow's registry as a model to serve, and makes it the champion if it is better."""

from __future__ import annotations

import base64
import hashlib
import io
import wave
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import deepfacegen
from deepfacegen.api import sizes
from deepfacegen.errors import UserError
from deepfacegen.server import promotion
from deepfacegen.server.promotion import Accuracy
from deepfacegen.server.responses import COLUMN
from deepfacegen.tracking.registry import CHAMPION, Package, Registry

# The packages that the served code imports, pinned to the versions installed here.
REQUIREMENTS = (
    "av",
    "ffmpeg-python",
    "imageio-ffmpeg",
    "mlflow",
    "numpy",
    "onnxruntime",
    "pandas",
    "pillow",
    "pyarrow",
    "pyyaml",
    "rich",
    "safetensors",
    "scipy",
    "silero-vad",
    "torch",
    "torchaudio",
)


def _field(kind: str, *, required: bool = True, **more: Any) -> dict[str, Any]:
    return {"type": kind, "required": required, **more}


def _object(*, required: bool, **fields: dict[str, Any]) -> dict[str, Any]:
    return _field("object", required=required, properties=fields)


DOUBLE = _field("double")
# The signature of the served model.
INPUTS = [{"name": COLUMN, **_field("string")}]
OUTPUTS = [
    {"name": "faces", **_field("array", items={"type": "string"})},
    {"name": "speech_seconds", **DOUBLE},
    {
        "name": "voice",
        **_object(
            required=True,
            apparent_age=_object(required=False, high_years=DOUBLE, low_years=DOUBLE, mean_years=DOUBLE),
            apparent_gender=_object(required=False, f=DOUBLE, m=DOUBLE),
            familiar=_field("boolean"),
            pitch_hz=_field("double", required=False),
            typicality=DOUBLE,
        ),
    },
    {"name": "note", **_field("string")},
]
PARAMS = {"count": 1, "seed": 0, "size_px": sizes.DEFAULT_PX}
EXAMPLE_SECONDS = 3.0


def publish(release: Path, name: str = promotion.NAME) -> dict[str, Any]:
    """Put a release into the registry, unless it is there, and decide which version is the champion. Raises
    UserError.

    Returns `name`, `version`, `published` (it was not there before), `moved` (it has become the champion) and
    `champion`, a line on what happened to the alias.
    """
    from deepfacegen.api.voice_to_face import VoiceToFace

    model = VoiceToFace.load(release, "cpu")  # a release that cannot be loaded is not published
    accuracy, digest = promotion.from_release(model.config), digest_of(release)
    registry = Registry(name)
    known = next((found for found in registry.versions() if found.tags.get("release.digest") == digest), None)
    number = known.number if known else registry.add(package(release, model.card, accuracy, digest))
    champion = registry.champion()
    result = {"name": name, "version": number, "published": known is None}
    if champion is not None and champion.number == number:
        return {**result, "moved": False, "champion": f"the alias {CHAMPION} names it already"}
    old = promotion.from_tags(champion.tags) if champion is not None else None
    decision = promotion.decide(accuracy, old, champion=champion is not None)
    if decision.moves:
        registry.crown(number)
        now = "now names it"
    else:
        now = "names no version" if champion is None else f"stays at version {champion.number}"
    return {**result, "moved": decision.moves, "champion": f"the alias {CHAMPION} {now}: {decision.why}"}


def package(release: Path, card: str, accuracy: Accuracy | None, digest: str) -> Package:
    """Everything that MLflow stores of a release."""
    code = Path(deepfacegen.__file__).parent
    return Package(
        release=release,
        script=code / "server" / "served.py",
        code=code,
        requirements=[f"{each}=={installed(each)}" for each in REQUIREMENTS],
        inputs=INPUTS,
        outputs=OUTPUTS,
        params=PARAMS,
        example={COLUMN: [example()]},
        card=card,
        tags={
            "release.digest": digest,
            "package.version": deepfacegen.__version__,
            **(accuracy.tags() if accuracy is not None else {}),
        },
        metrics=accuracy.numbers() if accuracy is not None else {},
    )


def installed(name: str) -> str:
    """The version of an installed package, without a build's suffix (+cpu). Raises UserError."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        advice = "publish from the project's environment (make env)"
        raise UserError(f"{name}: is not installed, so its version cannot be pinned; {advice}") from None


def digest_of(release: Path) -> str:
    """sha256 over the names and bytes of a release's files."""
    digest = hashlib.sha256()
    for file in sorted(path for path in release.rglob("*") if path.is_file()):
        digest.update(file.relative_to(release).as_posix().encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def example() -> str:
    """A WAV file of a sample person's sentence, as base64; always the same bytes."""
    import numpy as np

    from deepfacegen.config.schema import SampleConfig
    from deepfacegen.synthetic.people import from_row, sample_people
    from deepfacegen.synthetic.voice import SAMPLE_RATE_HZ, speak

    person = from_row(sample_people(SampleConfig(identities=12)).iloc[0])
    said = speak(person, "The grey boat came home with the tide in the evening.", np.random.default_rng(0))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(SAMPLE_RATE_HZ)
        stream.writeframes(said[: int(EXAMPLE_SECONDS * SAMPLE_RATE_HZ)].astype("<i2").tobytes())
    return base64.b64encode(buffer.getvalue()).decode("ascii")
