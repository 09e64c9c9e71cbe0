"""The command `publish`: a release goes into MLflow's registry as a model that can be served, and becomes the
champion if it is better."""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import sys
import wave
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import deepfacegen
from deepfacegen.errors import UserError
from deepfacegen.server import gate
from deepfacegen.server.responses import COLUMN
from deepfacegen.tracking.registry import CHAMPION, Package, Registry

NAME = "deepfacegen"
DESCRIPTION = """\
Put a release into MLflow's registry, as a model that `mlflow models serve` serves.

    deepfacegen publish                      models/release, which the stage release makes
    deepfacegen publish elsewhere/release

The first version becomes the champion (alias `champion`). A later one takes its place only if it does better by more than chance tells.
"""
DETAILS = f"""\
The figure that decides: {gate.FIGURE}. The alias moves when the lower end of the new version's 95 % interval lies
above the champion's figure, both measured on the same people by the same judge; the command says what it did, and why. A release that was
published before is not published again.

The registry is that of MLFLOW_TRACKING_URI, or mlflow.db in the repository. docs/serving.md tells how to serve what is in it.

exit codes: 0 it is there; 1 it is not, the reason is on stderr; 2 wrong usage
"""
# What the served code imports, pinned to what is installed here; a test compares it with the imports.
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
INPUTS = [{"name": COLUMN, "type": "string", "required": True}]
_AGE = {name: {"type": "double", "required": True} for name in ("high_years", "low_years", "mean_years")}
_GENDER = {name: {"type": "double", "required": True} for name in ("f", "m")}
OUTPUTS = [
    {"name": "faces", "type": "array", "items": {"type": "string"}, "required": True},
    {"name": "speech_seconds", "type": "double", "required": True},
    {
        "name": "voice",
        "type": "object",
        "properties": {
            "apparent_age": {"type": "object", "properties": _AGE, "required": False},
            "apparent_gender": {"type": "object", "properties": _GENDER, "required": False},
            "pitch_hz": {"type": "double", "required": False},
            "typicality": {"type": "double", "required": True},
        },
        "required": True,
    },
    {"name": "note", "type": "string", "required": True},
]
PARAMS = {"count": 1, "seed": 0}
EXAMPLE_SECONDS = 3.0


def add_parsers(commands: Any) -> None:
    """The command `publish`."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = commands.add_parser("publish", help="put a release into MLflow's registry", formatter_class=raw)
    parser.description, parser.epilog = DESCRIPTION, DETAILS
    parser.add_argument(
        "release",
        type=Path,
        nargs="?",
        default=Path("models/release"),
        help="folder of the release (default: models/release)",
    )
    parser.add_argument("--name", default=NAME, help=f"the registered model (default: {NAME})")
    parser.add_argument("--json", action="store_true", help="print what was done as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0; raises UserError."""
    told = publish(arguments.release, arguments.name)
    line = f"{told['name']} version {told['version']} {'is published' if told['published'] else 'holds this release already'}; {told['champion']}"
    sys.stdout.write(f"{json.dumps(told, sort_keys=True) if arguments.json else line}\n")
    return 0


def publish(release: Path, name: str = NAME) -> dict[str, Any]:
    """Put a release into the registry, unless it is there, and settle which version is the champion. Raises
    UserError.

    Tells `name`, `version`, `published` (it was not there before), `moved` (the alias names it since now) and
    `champion`, a line on what became of the alias.
    """
    from deepfacegen.api.voice_to_face import VoiceToFace

    model = VoiceToFace.load(release, "cpu")  # what cannot be loaded is not published
    figure, digest = gate.from_release(model.config), digest_of(release)
    registry = Registry(name)
    known = next((found for found in registry.versions() if found.tags.get("release.digest") == digest), None)
    number = known.number if known is not None else registry.add(package(release, model.card, figure, digest))
    champion = registry.champion()
    if champion is not None and champion.number == number:
        moved, line = False, f"the alias {CHAMPION} names it already"
    else:
        found = gate.verdict(
            figure,
            gate.from_tags(champion.tags) if champion is not None else None,
            champion=champion is not None,
        )
        moved = found.moves
        stays = "names no version" if champion is None else f"stays at version {champion.number}"
        line = f"the alias {CHAMPION} {'now names it' if moved else stays}: {found.why}"
    if moved:
        registry.crown(number)
    return {"name": name, "version": number, "published": known is None, "moved": moved, "champion": line}


def package(release: Path, card: str, figure: gate.Gate | None, digest: str) -> Package:
    """All that MLflow keeps of a release."""
    code = Path(deepfacegen.__file__).parent
    return Package(
        release=release,
        script=code / "serving" / "served.py",
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
            **(figure.tags() if figure is not None else {}),
        },
        metrics=figure.numbers() if figure is not None else {},
    )


def installed(name: str) -> str:
    """The version of a package here, without what a build adds to it (+cpu). Raises UserError."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        raise UserError(
            f"{name}: is not installed, so its version cannot be pinned; publish from the project's environment (make env)"
        ) from None


def digest_of(release: Path) -> str:
    """sha256 over the names and bytes of a release's files."""
    told = hashlib.sha256()
    for file in sorted(path for path in release.rglob("*") if path.is_file()):
        told.update(file.relative_to(release).as_posix().encode())
        told.update(hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()


def example() -> str:
    """A sample person's sentence, a WAV file as base64: the same bytes every time."""
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
