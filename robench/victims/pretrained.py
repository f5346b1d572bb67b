"""Loading of Transformers sequence classifiers: a folder, or a Hub id at a commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from robench.errors import RobenchError
from robench.models import bfloat16
from robench.models.exported_model import RobenchConfig, RobenchForSequenceClassification
from robench.resources.foreign_model import check_config, check_size, read_json
from robench.resources.model_folder import explain_load_errors, silence_transformers

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_pretrained(
    location: str, *, shown: str, revision: str | None = None, trust_remote_code: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a sequence classifier and its tokenizer, in float32.

    Args:
        location: a folder, or a Hub id.
        shown: the model's location, for messages.
        revision: the commit of a Hub model.
        trust_remote_code: run the Python files that come with the model.

    Raises:
        RobenchError: a file is missing or broken, belongs to another kind of model, or needs code that is not trusted.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with explain_load_errors("the model", shown), silence_transformers():
        is_exported, _ = _check_network(location, shown, revision, trust_remote_code)
        loader = RobenchForSequenceClassification if is_exported else AutoModelForSequenceClassification
        with torch.random.fork_rng([]):  # Transformers draws random weights before it reads the stored ones
            model, report = loader.from_pretrained(
                location, revision=revision, trust_remote_code=trust_remote_code, output_loading_info=True
            )
        tokenizer = AutoTokenizer.from_pretrained(location, revision=revision, trust_remote_code=trust_remote_code)
    missing = sorted(report["missing_keys"])
    if missing:
        raise RobenchError(
            f"the weights of {shown} lack {len(missing)} tensors of a {type(model).__name__}, such as"
            f" {missing[0]}: it is not a trained classifier."
        )
    return model.float(), tokenizer


def find_bfloat16_fault(
    location: str, device: torch.device, *, shown: str, revision: str | None = None, trust_remote_code: bool = False
) -> str:
    """Return the error with which a sequence classifier fails in bfloat16, see :mod:`robench.models.bfloat16`.

    Args:
        location: a folder, or a Hub id.
        device: the device on which it is to run.
        shown: the model's location, for messages.
        revision: the commit of a Hub model.
        trust_remote_code: run the Python files that come with the model.

    Raises:
        RobenchError: a file is missing or broken, or the model needs code that is not trusted.
    """
    with explain_load_errors("the model", shown), silence_transformers():
        _, build = _check_network(location, shown, revision, trust_remote_code)
        return bfloat16.find_bfloat16_fault(build, device)


def _check_network(
    location: str, shown: str, revision: str | None, trust_remote_code: bool
) -> tuple[bool, Callable[[], object]]:
    """Check code and size of a classifier; return whether robench exported it, and what builds it without weights."""
    from transformers import AutoConfig, AutoModelForSequenceClassification

    def build() -> object:
        if is_exported:
            return RobenchForSequenceClassification(RobenchConfig.from_dict(config))
        own = AutoConfig.from_pretrained(location, revision=revision, trust_remote_code=trust_remote_code)
        return AutoModelForSequenceClassification.from_config(own, trust_remote_code=trust_remote_code)

    config = read_json(location, "config.json", revision)
    is_exported = config.get("model_type") == RobenchConfig.model_type
    # The code of an exported model is known: robench has the same, and runs that.
    check_config(shown, location, revision, consent=trust_remote_code or is_exported)
    check_size(shown, location, revision, build)
    return is_exported, build
