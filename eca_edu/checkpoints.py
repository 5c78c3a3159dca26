"""How is a trained network kept? Weights as safetensors, and with them a card that says what they are."""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from eca_edu.files import written_whole
from eca_edu.models import ModelConfig, build_model


def save_checkpoint(path: str | Path, model: nn.Module, config: ModelConfig, card: dict) -> Path:
    """Write the weights of `model`, its configuration and the card to one file, and return its path.

    path: ends in .safetensors. card: what else a reader should know, as JSON values: data, seed, accuracy, command.
    The card stands in the file itself, which replaces an older one in one step, and for the human eye in a .json beside it.
    Raises ValueError for another ending or a model that `config` does not build, and OSError where nothing can be written.
    """
    path = _checked(path)
    with torch.device("meta"):
        built = build_model(config).state_dict()
    if {name: t.shape for name, t in model.state_dict().items()} != {name: t.shape for name, t in built.items()}:
        raise ValueError(f"model must be the network that {config} builds; got another one, a {type(model).__name__}")
    card = {"config": json.loads(config.to_json()), **card}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with written_whole(path) as temporary:
        temporary.write_bytes(save(state, metadata={"card": json.dumps(card)}))
    with written_whole(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def load_checkpoint(path: str | Path) -> tuple[nn.Module, dict]:
    """Return the network in evaluation mode, on the CPU, and its card.

    Raises FileNotFoundError if there is no such file and ValueError if it is truncated or no checkpoint of ours.
    """
    path = _checked(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no checkpoint {path}; those of the course lie in its folder data/checkpoints, and "
            "`python -m eca_edu train` trains one of your own"
        )
    try:
        with safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {})["card"])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
        model = build_model(ModelConfig.from_json(json.dumps(card["config"])))
        model.load_state_dict(state)
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} is truncated or no checkpoint of eca_edu ({error}); make it anew") from error
    return model.eval(), card


def _checked(path: str | Path) -> Path:
    if Path(path).suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors; got {str(path)!r}")
    return Path(path)
