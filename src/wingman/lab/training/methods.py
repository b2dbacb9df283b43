"""What is trained: the whole model, low-rank adapters, or only a head on a frozen encoder."""

import warnings
from collections.abc import Iterable
from typing import Any

from wingman.lab.base import BaseModel
from wingman.lab.errors import BaseModelError
from wingman.lab.recipe import Training


def load_model(base: BaseModel, auto_class: str, settings: dict[str, Any]) -> Any:
    """The base with a head for the task: a fresh one, but where the base has one for as many labels.

    Raises `BaseModelError` when transformers has no such head for it, or its weights are not those its config tells of.
    """
    import torch
    import transformers

    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()  # "newly initialised weights": that is the point of a fresh head
    try:
        model, loaded = getattr(transformers, auto_class).from_pretrained(
            base.folder,
            dtype=torch.float32,
            trust_remote_code=False,  # not even asked for: what a base brings along is data
            ignore_mismatched_sizes=True,  # a head for another number of labels gives way to a fresh one
            output_loading_info=True,
            **settings,
        )
    except (ValueError, KeyError, RuntimeError) as error:
        raise BaseModelError(f"{base.id} ({base.model_type}) cannot carry this task: {error}") from error
    except MemoryError as error:
        raise BaseModelError(
            f"There is not enough memory to load {base.id} ({base.num_parameters:,} parameters)."
        ) from error
    _check_encoder(base, model, loaded["mismatched_keys"])
    return model


def _check_encoder(base: BaseModel, model: Any, mismatched: Iterable[tuple[str, Any, Any]]) -> None:
    """Only a head may begin anew. mismatched: (parameter, its shape in the file, its shape by the config)."""
    for name, found, wanted in sorted(mismatched):
        if name.startswith(f"{model.base_model_prefix}."):
            raise BaseModelError(
                f"The weights of {base.id} do not fit its config.json: {name} has the shape {list(found)}, "
                f"not {list(wanted)}."
            )


def apply_method(model: Any, training: Training) -> Any:
    """Mark what is trained. For "lora" the model is wrapped; `merge` turns it back into a plain one."""
    if training.method == "lora":
        from peft import LoraConfig, TaskType, get_peft_model

        config = LoraConfig(
            task_type=TaskType.SEQ_CLS,
            r=training.lora_rank,
            lora_alpha=2 * training.lora_rank,
            lora_dropout=0.05,
            target_modules="all-linear",
        )
        with warnings.catch_warnings():
            # peft 0.21 reads an attribute that transformers 5.23 has renamed.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
            return get_peft_model(model, config)
    if training.method == "features":
        for parameter in model.base_model.parameters():
            parameter.requires_grad = False
        pooler = getattr(
            model.base_model, "pooler", None
        )  # part of the head in all but name: it has no other use
        if pooler is not None:
            for parameter in pooler.parameters():
                parameter.requires_grad = True
    return model


def merge(model: Any, training: Training) -> Any:
    """A plain transformers model with the adapters folded into its weights."""
    return model.merge_and_unload() if training.method == "lora" else model
