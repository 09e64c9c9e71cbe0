"""The evaluation of a refiner, which enlarges faces: metrics of unseen people, and pictures for the
report."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from deepfacegen.config.schema import Config
from deepfacegen.data.batches import Manifest
from deepfacegen.data.shards import FaceShards
from deepfacegen.evaluation import attribute_labels, provenance, versions
from deepfacegen.evaluation.context import Folders
from deepfacegen.evaluation.embedders.judge import Judge
from deepfacegen.evaluation.protocol.population import digest
from deepfacegen.evaluation.refinement import pictures
from deepfacegen.evaluation.refinement.measure import measure
from deepfacegen.systems.protocol import Refiner


def evaluate(
    refiner: Refiner, config: Config, folders: Folders, parts: Collection[str] | None = None
) -> dict[str, Any]:
    """Metrics of a refiner (`measure.measure`). Writes shown.{npz,parquet} to `folders.out`, tables and a
    plot to `folders.plots`.

    `parts` names the models that it consists of (None: any model may be one); the judge of likeness must not
    have taken part in them. Raises UserError when it did, when a model was trained or chosen on test
    identities, or when the source of attributes lacks one of the refiner's.
    """
    settings, source = config.evaluate, config.data.source
    manifest, photos = Manifest.read(folders.manifest), FaceShards(folders.faces)
    provenance.assert_unselected(folders.manifest, [settings.judge])
    unseen = manifest.split("test").identities
    provenance.assert_fair(folders.models, [settings.judge], unseen, source, parts)
    attributes = attribute_labels.table(refiner.params, manifest, photos, folders.meta.parent)
    metrics = measure(
        refiner.upscale,
        refiner.low_px,
        refiner.size_px,
        manifest,
        photos,
        attributes,
        Judge.load(settings.judge).embed,
        settings.bootstrap,
        settings.seed,
        refiner.swap if refiner.identity_dim else None,
    )
    pictures.write(folders.out, refiner, manifest, photos, attributes)
    pictures.plot(folders.plots, metrics)
    return {
        "judge": settings.judge,
        "data": {"source": source, "digest": digest(folders.manifest)},
        "versions": versions.versions(),
        "models": versions.models(folders.models, parts),
        "weights": versions.third_party([settings.judge]),
        "refinement": metrics,
    }
