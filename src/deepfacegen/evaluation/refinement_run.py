"""The whole evaluation of a refiner, which enlarges faces: figures on unseen people, and pictures for the
report."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation import attribute_labels, plots, provenance, refined_examples, versions
from deepfacegen.evaluation.embedders.judge import Judge
from deepfacegen.evaluation.metrics import refinement
from deepfacegen.evaluation.protocol.population import digest
from deepfacegen.evaluation.run import Folders
from deepfacegen.systems.protocol import Refiner


def evaluate(
    refiner: Refiner, config: Config, folders: Folders, parts: Collection[str] | None = None
) -> dict[str, Any]:
    """Metrics of a refiner (`refinement.measure`). Writes shown.{npz,parquet} to `folders.out`, tables and a
    picture to `folders.plots`.

    `parts` names the models that it is made of (None: any may be one); the judge of likeness must not have
    taken part in them. Raises UserError when it did, when a model has met test identities, or when the source
    of attributes does not tell what the refiner asks for.
    """
    settings, manifest, photos = config.evaluate, Manifest.read(folders.manifest), FaceShards(folders.faces)
    provenance.assert_unselected(folders.manifest, [settings.judge])
    provenance.assert_fair(
        folders.models, [settings.judge], manifest.split("test").identities, config.data.source, parts
    )
    attributes = attribute_labels.table(refiner.params, manifest, photos, folders.meta.parent)
    judge = Judge.load(settings.judge)
    swap = refiner.swap if refiner.identity_dim else None
    measured = functools.partial(refinement.measure, refiner.upscale, refiner.low_px, refiner.size_px)
    figures = measured(manifest, photos, attributes, judge.embed, settings.bootstrap, settings.seed, swap)
    refined_examples.write(folders.out, refiner, manifest, photos, attributes)
    plots.refinement(folders.plots, figures)
    told = {
        "judge": settings.judge,
        "data": {"source": config.data.source, "digest": digest(folders.manifest)},
    }
    weights = versions.third_party([settings.judge])
    return told | {
        "versions": versions.versions(),
        "models": versions.models(folders.models, parts),
        "weights": weights,
        "refinement": figures,
    }
