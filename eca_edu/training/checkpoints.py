"""How is a trained network kept? Weights as safetensors, and with them a card that says what they are."""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import nn

from eca_edu._files import atomic_write, read_file
from eca_edu.models import ModelConfig, build_model


def save_checkpoint(
    path: str | Path, model: nn.Module, config: ModelConfig, card: dict, *, overwrite: bool = False
) -> Path:
    """Write the weights of `model`, its configuration and the card to one file, and return its path.

    path: ends in .safetensors. card: what else a reader should know, as JSON values: data, seed, accuracy, command.
    The card stands in the file itself, with a checksum of all of it, and for the human eye in a .json beside it.
    overwrite: whether files that are there are replaced, each in one step.
    Raises ValueError for another ending or a model that `config` does not build, FileExistsError if other files are there,
    and OSError where nothing can be written.
    """
    path = _checked(path)
    if _shapes(model.state_dict()) != _shapes(_on_meta(config).state_dict()):
        raise ValueError(f"model must be the network that {config} builds; got another network, {type(model).__name__}")
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    card = json.loads(json.dumps({"config": json.loads(config.to_json()), **card}))
    kept = {"checksum": _checksum(card, state), "card": card}
    with atomic_write(path, overwrite=overwrite) as temporary:
        # One entry, since safetensors writes several in an order that differs from time to time.
        temporary.write_bytes(save(state, metadata={"card": json.dumps(kept)}))
    with atomic_write(path.with_suffix(".json"), overwrite=overwrite) as temporary:
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load_checkpoint(path: str | Path) -> tuple[nn.Module, dict]:
    """Return the network in evaluation mode, in float32 (whatever it was saved in) and on the CPU, and its card.

    Raises FileNotFoundError if there is no such file, OSError if it may not be read, and ValueError if it is damaged or no
    checkpoint of ours.
    """
    path = _checked(path)
    if not path.exists():
        raise FileNotFoundError(
            f"there is no checkpoint {path}; those of the course lie in its folder data/checkpoints, and "
            "`python -m eca_edu train` trains one of your own"
        )
    read_file(path)  # tells what may not be read from what is damaged
    try:
        with safe_open(path, framework="pt") as file:
            kept = json.loads((file.metadata() or {})["card"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
        card = kept["card"]
        if kept["checksum"] != _checksum(card, state):
            raise ValueError("its content is not what a checksum in it says")
        model = _on_meta(ModelConfig.from_json(json.dumps(card["config"])))
        if _shapes(state) != _shapes(model.state_dict()):  # before memory is taken for what the card says
            raise ValueError("its weights are not those of the network of its card")
        model.load_state_dict(state, assign=True)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is damaged or no checkpoint of eca_edu ({error}); make it anew") from error
    return model.float().eval(), card


def read_tensors(path: Path) -> Any:
    """Return what a file holds, .safetensors or what torch.save wrote, on the CPU; no program code in it is run.

    Raises OSError if it cannot be read, and ValueError if it is damaged or holds something else than tensors.
    """
    content = read_file(path)
    try:
        if path.suffix == ".safetensors":
            return load(content)
        return torch.load(io.BytesIO(content), "cpu", weights_only=True)
    except Exception as error:  # each kind of damage raises its own kind of error
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(":. ")
        raise ValueError(f"{path} is damaged or no file of tensors: {reason}") from error


def _on_meta(config: ModelConfig) -> nn.Module:
    with torch.device("meta"):
        return build_model(config)


def _shapes(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in state.items()}


def _checksum(card: dict, state: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(card, sort_keys=True).encode())
    for name in sorted(state):
        digest.update(f"{name} {state[name].dtype} {tuple(state[name].shape)}".encode())
        digest.update(state[name].flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _checked(path: str | Path) -> Path:
    if Path(path).suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors; got {str(path)!r}")
    return Path(path)
