"""Checks of a Transformers model of others before any of it is built: its code, its attention, and its size.

How it works: a configuration is a file of a stranger. It may name Python files to run, an attention to be fetched from
the Hub as a binary, or a network that no machine can hold. So its keys are read as plain JSON first. Then the network
is built without memory, on torch's device ``meta``, and its numbers are counted while it grows: one that outgrows its
own weights is abandoned.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from robench.errors import RobenchError
from robench.paths import open_regular
from robench.resources.model_files import ModelFiles
from robench.resources.model_folder import explain_load_errors, silence_transformers

ATTENTIONS = ("eager", "sdpa", "flex_attention")
"""The attentions that are part of torch and Transformers. Transformers may fetch any other one from the Hub."""

ADAPTER_FILE = "adapter_config.json"
"""The file that makes a folder a PEFT adapter."""

CONSENT = "look at it, and allow it with --trust-remote-code"
"""What a user can do about a model with Python code of its own."""

_ATTENTION_KEYS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
_SLACK = 64 * 1024**2
"""Numbers that a network may have beyond its weights, such as masks and tables of positions: 256 MB of float32."""
_LABELS = 10_000
"""A number of labels that needs no weights to be believed."""
_TENSORS = 2_000
"""Most tensors of a file whose tensors are not listed; encoders have some hundreds."""
_LARGEST_HEADER = 100_000_000
"""Most bytes of a safetensors header; the library reads no larger one."""


def check_config(files: ModelFiles, *, remedy: str = CONSENT, is_adapter: bool = False) -> bool:
    """Check what a model's configuration would run, and return whether it brings Python code that the user allowed.

    Args:
        files: the model.
        remedy: what a user can do about such code, as the end of a sentence.
        is_adapter: whether it may be a PEFT adapter, in whose place Transformers would load a model that it names.

    Raises:
        RobenchError: it brings code that is not allowed or that lies elsewhere, needs an attention from elsewhere, or
            is an adapter.
        ValueError: a file is not JSON.
    """
    title = files.title
    if not is_adapter and files.locate(ADAPTER_FILE):
        raise RobenchError(
            f"{title} is a PEFT adapter ({ADAPTER_FILE}), not a whole model: merge it into its base model with"
            " merge_and_unload(), and save that."
        )
    config = files.read_json("config.json")
    for part in _walk(config):
        for name in (name for key in _ATTENTION_KEYS for name in _listed(part.get(key))):
            if name not in ATTENTIONS:
                raise RobenchError(
                    f"{title}: its config.json asks for the attention {name!r:.80}, which may be code from the Hub;"
                    f" robench runs {', '.join(ATTENTIONS)} only. Remove that key."
                )
    code = [*_name_code(config), *_name_code(files.read_json("tokenizer_config.json"))]
    if code and not files.trust_remote_code:
        raise RobenchError(f"{title} brings Python code of its own; {remedy}.")
    for name in code:
        if "--" in name:  # the form REPOSITORY--module.Class
            raise RobenchError(
                f"{title} runs code of another repository ({name:.80}), and nothing pins its revision: copy the code"
                " into the model's folder, and name it there."
            )
    return bool(code)


def check_size(files: ModelFiles, build: Callable[[], object], *, fetch: bool = True) -> None:
    """Check that a network fits its weights, without memory for it.

    Args:
        files: the model.
        build: builds the network from its configuration.
        fetch: whether to fetch weights that are not on this machine; without them, any usual size is accepted.

    Raises:
        RobenchError: the network is much larger than its weights.
        ValueError: a file is not JSON.
    """
    import torch

    title, config = files.title, files.read_json("config.json")
    stored = (_measure_weights(files) if fetch or Path(files.location).is_dir() else None) or _USUAL
    labels = next((n for part in _walk(config) if type(n := part.get("num_labels")) is int and n > stored.labels), 0)
    if labels:
        raise RobenchError(f"{title}: its config.json has {labels:.3g} labels, but its weights have none that large.")
    factor = 16 if "quantization_config" in config else 2
    try:
        with torch.random.fork_rng([]), torch.device("meta"):
            with _make_counter(title, factor * stored.numbers + _SLACK, stored.tensors):
                build()
    except RobenchError:
        raise
    except Exception:  # the loader, which comes next, explains it
        return


def count_parameters(files: ModelFiles) -> int:
    """Count the weights of a network without a head; none are read or fetched.

    Raises:
        RobenchError: its configuration cannot be loaded.
    """
    import torch
    from transformers import AutoModel

    def build() -> Any:
        return files.build_network(AutoModel)

    with explain_load_errors(f"{files.title}: its configuration", files.location), silence_transformers():
        check_config(files)
        check_size(files, build, fetch=False)
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in build().parameters())


class _Weights(NamedTuple):
    """The size of a model's weights: numbers and tensors, and the most labels that they can have, at most."""

    numbers: int
    tensors: int
    labels: int


_USUAL = _Weights(numbers=20_000_000_000, tensors=_TENSORS, labels=_LABELS)
"""The most that is believed of weights that are not there."""


def measure_float32(files: ModelFiles) -> int:
    """Return the bytes that a model's weights take at least in float32; 0 if there are none."""
    # How many numbers a pickle has is not known; in float32 it would take its own size.
    return sum(
        4 * _measure_file(path).numbers if path.suffix == ".safetensors" else path.stat().st_size
        for path in files.locate_weights() or []
    )


def _measure_weights(files: ModelFiles) -> _Weights | None:
    """Measure the file or files that Transformers would load; None if there are none."""
    paths = files.locate_weights()
    if paths is None:
        return None
    sizes = [_measure_file(path) for path in paths]
    labels = max((size.labels for size in sizes), default=_LABELS)
    return _Weights(sum(size.numbers for size in sizes), sum(size.tensors for size in sizes), labels)


def _measure_file(path: Path) -> _Weights:
    """Measure a file: what the header of safetensors says, as far as the file's size can be believed, or that size."""
    size = path.stat().st_size
    try:
        with open_regular(path) as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= min(size, _LARGEST_HEADER) else {}
        shapes = [value["shape"] for key, value in header.items() if key != "__metadata__"]
        numbers, widest = sum(map(math.prod, shapes)), max((max(shape, default=1) for shape in shapes), default=1)
    except (ValueError, TypeError, KeyError, AttributeError):
        shapes = []
    if path.suffix != ".safetensors" or not shapes:
        return _Weights(size, min(size // 256, _TENSORS), max(_LABELS, min(size, 1_000_000)))
    return _Weights(min(numbers, 2 * size), len(shapes), max(_LABELS, min(widest, size)))


def _make_counter(title: str, most_numbers: int, tensors: int) -> Any:
    """Make a mode of torch that counts the numbers of new tensors.

    Raises:
        RobenchError: when torch, in the block, has made more of them than allowed.
    """
    from torch import Tensor
    from torch.overrides import TorchFunctionMode

    factories = {"empty", "zeros", "ones", "full", "arange", "rand", "randn", "linspace", "eye", "tensor"}
    most_tensors = 4 * tensors + 1_000  # some buffers are made beside the parameters

    class Counter(TorchFunctionMode):
        numbers = count = 0

        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = func(*args, **(kwargs or {}))
            if getattr(func, "__name__", "") in factories and isinstance(made, Tensor):
                self.count += 1
                self.numbers += made.numel()
                if self.numbers > most_numbers or self.count > most_tensors:
                    raise RobenchError(
                        f"{title}: its config.json asks for a network that is much larger than its weights"
                        f" ({tensors:,} tensors). They do not belong together, and it could take all memory."
                    )
            return made

    return Counter()


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield a dictionary and all dictionaries in it."""
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            yield one
            rest += one.values()
        elif isinstance(one, list):
            rest += one


def _listed(value: Any) -> list[Any]:
    """Return the names in a value of ``attn_implementation``: a name, or one for each part of the model."""
    values = list(value.values()) if isinstance(value, dict) else [value]
    return [one for one in values if one is not None]


def _name_code(config: dict[str, Any]) -> list[str]:
    """Return the classes that a configuration takes from Python files; of a table without any, its own name."""
    named = [part["auto_map"] for part in _walk(config) if "auto_map" in part]
    values = [value for one in named for value in (one.values() if isinstance(one, dict) else [one])]
    names = [str(name) for value in values for name in (value if isinstance(value, list) else [value]) if name]
    return names or ["auto_map"] * bool(named)
