"""Make the prior of portraits that the package carries: synthetic portraits, and a training on them.

`python tools/portrait_prior.py` renders 24,000 portraits into .cache/portraits (20 minutes of a core), trains
a prior whose codes have 64 numbers (some seventy minutes of a core), then goes on with as many more as the
default of `prior.code_dim` says, for what the first one does not reconstruct (half an hour), and writes
src/deepfacegen/systems/prior/portraits. Every part goes on where it was stopped. The people are of a stream
of random numbers that no sample uses, whatever its seed.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
import tempfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from deepfacegen.config.schema import FacesConfig, PriorConfig, SampleConfig, to_dict  # noqa: E402
from deepfacegen.data.faces.detect import Detector  # noqa: E402
from deepfacegen.data.faces.find import find_face  # noqa: E402
from deepfacegen.data.files.pictures import RejectError, read_photo  # noqa: E402
from deepfacegen.data.shards import FaceShards, shard_path, write_array  # noqa: E402
from deepfacegen.progress import track  # noqa: E402
from deepfacegen.synthetic import encode, people, portrait  # noqa: E402
from deepfacegen.systems.prior import prior  # noqa: E402
from deepfacegen.systems.prior.wider_code import widened  # noqa: E402
from deepfacegen.training.pixels import from_pixels  # noqa: E402
from deepfacegen.training.resume import Resume  # noqa: E402

# No sample's: those begin with a seed and one of the streams below 10 (synthetic.people, synthetic.write).
STREAM = 90
SHARD = 500
FIRST_DIM = 64
WIDENED_BY = 4000  # portraits whose errors the further numbers of a code begin with
ANYBODY = "", "", "", 0.0, (), ()  # what is not audible of a person: replaced by chance


def render(folder: Path, shard: int, size_px: int) -> None:
    """SHARD portraits of as many people, through the same files, detector and alignment as a sample's."""
    path = shard_path(folder, shard)
    if path.is_file():
        return
    config, detector, faces = FacesConfig(), Detector(), []
    with tempfile.TemporaryDirectory() as scratch:
        photo = Path(scratch) / "photo.jpg"
        for i in range(shard * SHARD, (shard + 1) * SHARD):
            rng = np.random.default_rng([0, STREAM, i])
            audible = people.Person("fm"[i % 2], float(rng.uniform(20, 80)), float(rng.random()), *ANYBODY)
            person = people.imagine(audible, rng)
            encode.write_jpg(portrait.render_portrait(person, rng, SampleConfig().photo_px), photo)
            try:
                face = find_face(config, detector, read_photo(photo)).pixels
            except RejectError:
                continue
            side = config.size_px // size_px
            faces.append(face.reshape(size_px, side, size_px, side, 3).mean(axis=(1, 3)).round())
    write_array(path, np.stack(faces).astype(np.uint8))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--portraits", type=int, default=24_000, help="how many to render")
    parser.add_argument("--steps", type=int, help="training steps of the first (default: prior.steps)")
    parser.add_argument("--folder", type=Path, default=Path(".cache/portraits"))
    parser.add_argument("--out", type=Path, default=prior.PORTRAITS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    config = PriorConfig(architecture="trained")
    steps = options.steps or config.steps
    first = dataclasses.replace(config, code_dim=FIRST_DIM, steps=steps, adversary_from=steps * 2 // 5)
    more = steps * 17 // 50
    second = dataclasses.replace(config, steps=more, adversary_from=more // 7)
    shards = range(-(-options.portraits // SHARD))
    jobs = (joblib.delayed(render)(options.folder, shard, config.image_size_px) for shard in shards)
    for _ in track(joblib.Parallel(n_jobs=-1, return_as="generator")(jobs), "portraits", len(shards)):
        pass
    counts = [len(np.load(shard_path(options.folder, k), mmap_mode="r")) for k in shards]
    faces = pd.DataFrame(
        {"shard": np.repeat(list(shards), counts), "row": np.concatenate([np.arange(n) for n in counts])}
    )
    faces["label"] = np.arange(len(faces))
    photos = FaceShards(options.folder)
    narrow = options.folder / "first"
    if not narrow.is_dir():
        resume = Resume("portraits", to_dict(first), [options.folder], Path(".cache/resume"))
        trained = prior.train(first, [(faces, photos)], resume)
        prior.save(narrow, first, trained.prior, [])
        resume.clear()
    some = from_pixels(torch.from_numpy(photos.rows(faces.iloc[:WIDENED_BY])), config.image_size_px)
    start = widened(prior.load(narrow), config.code_dim, some)
    resume = Resume("portraits-wider", to_dict(second), [options.folder], Path(".cache/resume"))
    trained = prior.train(second, [(faces, photos)], resume, start=start)
    prior.save(options.out, second, trained.prior, [], half=True)
    trained.statistics.write_csv(options.folder / "curves.csv")
    resume.clear()
    print(f"{options.out}: {len(faces):,} portraits, {steps:,} and {more:,} steps")


if __name__ == "__main__":
    main()
