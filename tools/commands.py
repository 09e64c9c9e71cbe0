"""Type the commands of a document in a fresh clone of this repository, in order and in one shell, at full
size.
 python tools/commands.py                                      README.md as it stands: builds an environment,
 runs the pipeline, runs the tests python tools/commands.py --here -S sample.identities=16       in the
 environment at hand, without `make test`, on fewer people
python tools/commands.py --document docs/quickstart.md --skip 'mlflow ui|--serve|voxceleb2'

The clone is made of the last commit. Ends with the exit code of the first command that fails, else with 0.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from PIL import Image

from deepfacegen.data.files.media import ffmpeg_path

ROOT = Path(__file__).resolve().parents[1]
HERE = {"make repro": "dvc repro", "make test": ":", "make env": ":", "source .venv/bin/activate": ":"}


def script(text: str, skip: str | None, here: bool) -> str:
    """The fenced `bash` blocks of a document as one script, that tells each command and stops at the first
    that fails.

    After the first block, which runs the pipeline, come the files that later ones speak of.
    """
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prepare = f"{sys.executable} {Path(__file__).resolve()} --prepare .\n"
    lines = "".join([*blocks[:1], prepare, *blocks[1:]]).splitlines()
    kept = [line for line in lines if skip is None or line == prepare.strip() or not re.search(skip, line)]
    return "\n".join(
        ["set -e -x -o pipefail", *(HERE.get(line, line) if here else line for line in kept), ""]
    )


def prepare(folder: Path) -> None:
    """Put recordings, photos and a video of sample people where the documents have theirs. Raises IndexError
    before the pipeline has run."""
    raw = folder / "data/raw"
    with (raw / "meta/expected_rejects.csv").open(encoding="utf-8", newline="") as table:
        bad = {
            raw / row["path"] for row in csv.DictReader(table)
        }  # sample people come with some files that cannot be used
    clips, photos, videos = (
        [path for path in sorted((raw / where).rglob(pattern)) if path not in bad]
        for where, pattern in (
            ("voices/dev/aac", "*.m4a"),
            ("faces/train", "*.jpg"),
            ("voices/dev/mp4", "*.mp4"),
        )
    )
    for clip, name in zip(clips, ("speech.wav", "ann.wav", "bob.wav"), strict=False):
        subprocess.run(
            [ffmpeg_path(), "-v", "error", "-y", "-i", str(clip), str(folder / name)],
            check=True,
            stdin=subprocess.DEVNULL,
        )
    shutil.copy(clips[0], folder / "speech.m4a")
    shutil.copy(photos[0], folder / "photo.jpg")
    with Image.open(photos[1]) as photo:
        photo.save(folder / "small.png")
    for name, files in (("recordings", clips[:3]), ("photos", photos[:4])):
        (folder / name).mkdir(exist_ok=True)
        for file in files:
            shutil.copy(file, folder / name / f"{file.parent.name}-{file.name}")
    shutil.copy(videos[0], folder / "meeting.mp4")


def change(params: Path, changes: list[str]) -> None:
    """Write `section.key=value` into a parameter file, as `dvc exp run -S` would."""
    tree = yaml.safe_load(params.read_text(encoding="utf-8"))
    for one in changes:
        key, _, value = one.partition("=")
        section, _, name = key.partition(".")
        tree[section][name] = yaml.safe_load(value)
    params.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--document", default="README.md", metavar="FILE", help="whose commands (default: README.md)"
    )
    parser.add_argument("--skip", metavar="REGEX", help="leave out lines in which this is found")
    parser.add_argument(
        "--here",
        action="store_true",
        help="use the environment at hand instead of building one, and leave out make test",
    )
    parser.add_argument(
        "-S",
        dest="changes",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="change a parameter of the clone",
    )
    parser.add_argument("--show", action="store_true", help="print the script instead of running it")
    parser.add_argument(
        "--prepare", type=Path, metavar="DIR", help="only put the files there that the documents speak of"
    )
    options = parser.parse_args()
    if options.prepare is not None:
        prepare(options.prepare)
        return 0
    text = script((ROOT / options.document).read_text(encoding="utf-8"), options.skip, options.here)
    if options.show:
        sys.stdout.write(text)
        return 0
    with tempfile.TemporaryDirectory(prefix="commands-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        if options.changes:
            change(clone / "params.yaml", options.changes)
        environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        if options.here:
            environment |= {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(clone / "src"),
            }
        return subprocess.run(["bash", "-c", text], cwd=clone, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
