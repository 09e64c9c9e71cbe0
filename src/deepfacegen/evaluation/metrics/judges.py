"""Metric `judges`: matching by the other judges, and how often the first two agree.

Keys: `<judge>` (the second judge; `self`, the system's own face network): `matching`, `matching_centred`, and
of the second judge `baselines`. `agreement`, of the two judges: `matching`, `matching_centred`, by direction,
population and group: `same` (share of trials with the same choice), `kappa` (Cohen's: 0 for judges that agree
no more than their accuracies make them), `trials`.
"""

from __future__ import annotations

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.metrics import baselines
from deepfacegen.evaluation.metrics.matching import matching, outcomes
from deepfacegen.evaluation.protocol.tasks import EvaluationProtocol
from deepfacegen.evaluation.scores import Scores
from deepfacegen.evaluation.tree import Tree, nested


def applies(context: Context) -> bool:
    return context.generates and len(context.embedders) > 1


def compute(context: Context) -> Tree:
    protocol, scores, first = context.protocol, context.judge_scores, context.judge
    judges: Tree = {}
    for name, by_suffix in scores.items():
        if name != first:
            judges[name] = {f"matching{suffix}": matching(protocol, of) for suffix, of in by_suffix.items()}
            judges[name] |= baselines.by_judge(context, name) if name in context.judges else {}
    if len(context.judges) > 1:
        second = scores[context.judges[1]]
        judges["agreement"] = {
            f"matching{suffix}": agreement(protocol, of, second[suffix])
            for suffix, of in scores[first].items()
        }
    return {"judges": judges}


def agreement(protocol: EvaluationProtocol, one: Scores, other: Scores) -> Tree:
    """`same`, `kappa` and `trials` of two scores, by path."""
    cells = []
    for task in protocol.tasks:
        a, b = (outcomes(*task.scores(scores)) > 0.5 for scores in (one, other))
        same, chance = float((a == b).mean()), float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
        kappa = (same - chance) / (1 - chance) if chance < 1 else 1.0
        cells.append((task.path, {"same": same, "kappa": kappa, "trials": len(a)}))
    return nested(cells)
