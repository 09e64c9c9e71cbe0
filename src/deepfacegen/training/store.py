"""A trained part on disk: safetensors weights beside a config.json that says how to rebuild the network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepfacegen.config.schema import to_dict
from deepfacegen.errors import UserError


def save(folder: Path, config: dict[str, Any], **parts: nn.Module | dict[str, Tensor]) -> None:
    """Write `<part>.safetensors` for each part and config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        tensors = part.state_dict() if isinstance(part, nn.Module) else part
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in tensors.items()}, folder / f"{name}.safetensors"
        )
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def save_trained(
    folder: Path,
    params: Any,
    identities: Sequence[str],
    parts: Mapping[str, nn.Module],
    *,
    trained_with: Sequence[str] = (),
    chosen_on: Sequence[str] = (),
    **described: Any,
) -> None:
    """The parts of a system, how to rebuild them (its parameters and what is `described`), and who took part:
    the people it was trained on and chosen on, and the judges it was trained with."""
    took_part = {
        "trained_on": sorted(identities),
        "trained_with": list(trained_with),
        "chosen_on": list(chosen_on),
    }
    save(folder, {"params": to_dict(params), **took_part, **described}, **parts)


def read_config(folder: Path) -> dict[str, Any]:
    """Raises UserError naming the folder when there is no model in it."""
    try:
        return json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder}: no trained model there; run the pipeline first (make repro)") from None
    except ValueError:  # no JSON, or no UTF-8
        raise UserError(f"{folder / 'config.json'}: damaged; restore it with dvc checkout") from None


def read_weights(folder: Path, part: str, network: nn.Module) -> None:
    """Load one part's weights into a network. Raises UserError naming the file if it is missing, damaged or
    of another shape."""
    path = folder / f"{part}.safetensors"
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise UserError(f"{path}: cannot be loaded ({str(error).splitlines()[0]})") from None
