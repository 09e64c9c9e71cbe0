"""Metrics `spectrum` and `spectrum_temperature_1`: power spectra of generated against real faces of unseen
people, at the size of generated ones.

Keys: see `statistics.power_spectrum`; `temperature`, where a system has one. Of faces with latents of their
own for every clip; `spectrum_temperature_1` of systems with latents and a temperature.
"""

from __future__ import annotations

from deepfacegen.evaluation.context import Context
from deepfacegen.evaluation.statistics.power_spectrum import spectrum
from deepfacegen.evaluation.tree import Tree


def applies(context: Context) -> bool:
    return context.generates


def compute(context: Context) -> Tree:
    metrics: Tree = {}
    for suffix, (generated, temperature) in context.varied_by_temperature.items():
        flat = generated.faces.reshape(-1, *generated.faces.shape[2:])
        metrics[f"spectrum{suffix}"] = {**spectrum(flat, context.real_small), **temperature}
    return metrics
