"""The evaluation of one system that generates faces or compares voices with faces. Metrics:
docs/metrics.md."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from deepfacegen.config.schema import Config
from deepfacegen.evaluation import examples, plots, sheets, tables, versions
from deepfacegen.evaluation.context import Context, Folders, prepare
from deepfacegen.evaluation.metrics.all import METRICS
from deepfacegen.evaluation.protocol.population import digest
from deepfacegen.evaluation.tree import Tree
from deepfacegen.systems.protocol import System, VoiceEncoder


def evaluate(
    system: System,
    config: Config,
    folders: Folders,
    voice_encoder: VoiceEncoder | None = None,
    parts: Collection[str] | None = None,
) -> dict[str, Any]:
    """Metrics of one system. Writes {trials,choices}.parquet, unseen.{npz,parquet}, retrieved.npz and
    contact_sheet.png to `folders.out`, pictures and tables to `folders.plots`.

    Without a `voice_encoder` there is no baseline that retrieves by voice. `parts` names the models that the
    system consists of (None: any model may be one): no judge of its generated faces may have taken part in
    them. A second judge that did, or that selected faces, is left out and named in `judges_left_out`. A
    system that only compares needs no judge. Raises UserError when a model was trained or faces were selected
    with the first judge, when a model was trained or chosen on test identities, or with too few people.
    """
    context = prepare(system, config, folders, voice_encoder, parts)
    metrics = made_with(context, folders, parts)
    for metric in METRICS:
        if metric.applies(context):
            metrics |= metric.compute(context)
    if context.generates:
        examples.write(folders.out, context)
    trials = tables.trials(context.protocol, context.scores)
    tables.write(folders.out / "trials.parquet", trials)
    tables.write(folders.out / "choices.parquet", tables.ranked_trials(context.protocol, context.scores))
    plots.write(folders.plots, metrics, trials)
    if context.generates:
        sheets.write(folders.plots, context)
    return metrics


def made_with(context: Context, folders: Folders, parts: Collection[str] | None) -> Tree:
    """What the metrics rest on: `judge`, `data`, `versions`, `models`, `weights` and, where a second judge
    took part in the system, `judges_left_out`."""
    counts = {p.name: p.counts() for p in context.protocol.populations}
    if context.without_voices:
        counts["trained_on_photos"] = {"people": context.without_voices}
    second = context.settings.second_judge
    return {
        "judge": context.judge,
        "data": {"source": context.config.data.source, "digest": digest(folders.manifest), **counts},
        "versions": versions.versions(),
        "models": versions.models(folders.models, parts),
        "weights": versions.third_party(context.judges),
        **({"judges_left_out": [second]} if second and second not in context.judges else {}),
    }
