"""The training's section: the prior that the generator started from, as a picture and as curves."""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepfacegen.config.schema import from_dict
from deepfacegen.report import page
from deepfacegen.report.collect import collect
from deepfacegen.report.sections import facts
from tests.report import made
from tests.report.reading import whole

CONFIG = from_dict({})
GREEN = (10, 200, 30)
PRIOR, GAN = "cgan: prior of faces", "cgan: generator and discriminator"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made.write(tmp_path, {"match": made.scorer()})
    folder = tmp_path / "metrics/plots/prior"
    folder.mkdir()
    Image.new("RGB", (40, 20), GREEN).save(folder / "prior.png")
    (folder / "curves.csv").write_text("step,pixel\n25,0.75\n50,0.375\n", encoding="utf-8")
    return tmp_path


def test_page_shows_the_prior_that_the_generator_started_from(root: Path) -> None:
    found = facts.training(collect(root))
    assert found is not None
    assert list(found["curves"]) == [PRIOR, GAN]
    ((name, _, last),) = found["curves"][PRIOR]
    assert (name, last) == ("pixel", 0.375)
    (shown,) = (
        image
        for image in whole(page.render(collect(root), CONFIG)).all("img")
        if "reconstructions by the prior" in str(image["alt"])
    )
    jpeg = base64.b64decode(str(shown["src"]).partition("base64,")[2])
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.size == (40, 20)
        assert np.abs(np.asarray(picture).astype(int) - GREEN).max() < 6


def test_a_ready_made_prior_has_no_curves_and_a_run_without_one_no_picture(root: Path) -> None:
    folder = root / "metrics/plots/prior"
    (folder / "curves.csv").write_text("step\n", encoding="utf-8")
    found = facts.training(collect(root))
    assert found is not None
    assert list(found["curves"]) == [GAN]
    assert found["prior"]
    shutil.rmtree(folder)
    assert "by the prior" not in page.render(collect(root), CONFIG)
