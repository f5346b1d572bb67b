"""Sources of a user's models: their names, the digests that identify them in keys, and how they are loaded."""

from __future__ import annotations

import contextlib
import copy
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from robench.resources.model_files import ModelFiles
from robench.training.defense import Defense, Terms
from robench.victims.call_settings import CallSettings
from robench.victims.meter import Meter
from robench.victims.prompts import ADVICE_AT_CHANCE, Prompt

if TYPE_CHECKING:
    import torch

    from robench.models.batches import Batch
    from robench.models.classifier import Classifier
    from robench.models.devices import Precision
    from robench.victims.scorer import Scorer

OWN_ENCODER = "its own"
"""Name and digest of the encoder of a user's model, about which robench needs to know nothing."""


@dataclass(frozen=True, kw_only=True)
class Given(Defense):
    """A user's model in place of a trained defense; its fields distinguish it from other models.

    The class path is stored with every result of such a model, so this name cannot change.

    Attributes:
        digest: sha256 of everything that identifies the model.
        max_length: most tokens of a text, special tokens included; None is the model's own limit.
        label_order: the model's column for each label of the task in turn; None matches the labels by name.
    """

    digest: str
    max_length: int | None = None
    label_order: tuple[int, ...] | None = None

    def loss(self, networks: Sequence[Classifier], batch: Batch) -> Terms:
        """Reject the call: a user's model is not trained.

        Raises:
            TypeError: always.
        """
        raise TypeError("a user's model is not trained")


@dataclass(frozen=True, eq=False)
class VictimSource(ABC):
    """A user's model that is not loaded yet.

    Attributes:
        name: the name of its row in tables.
        shown: its location, as users see it: a path, a Hub id and its commit, or ``module:function``.
        digest: sha256 of everything that identifies the model.
        command: options of ``robench attack`` that name it; empty for an object in memory.
    """

    name: str
    shown: str
    digest: str
    command: tuple[str, ...] = field(default=(), kw_only=True)

    has_network: ClassVar[bool] = True
    """Whether robench runs the network itself, so that it controls length and precision."""
    tolerance: ClassVar[float] = 0.01
    """Largest difference of a probability between two runs that is no change of the model."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """Return the kind of model, as users see it."""

    @property
    def advice_at_chance(self) -> str:
        """Return what may help a model whose accuracy is that of chance; empty if that is worth no warning."""
        return ""

    @property
    def usual_precision(self) -> Precision:
        """Return the precision in which it runs unless the user chooses another."""
        return "fp32"

    @abstractmethod
    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Load the model as a scorer of texts.

        Args:
            max_length: most tokens of a text; None is the model's own limit.
            precision: precision of the network's matrix products.
            device: the device on which the network runs.

        Raises:
            RobenchError: the model's files are missing or broken.
        """

    def preserve(self) -> contextlib.AbstractContextManager[None]:
        """Return a context after which a network in memory is as it was; of other models, nothing changes."""
        return contextlib.nullcontext()

    def find_bfloat16_fault(self, device: torch.device) -> str:
        """Return the error with which the network fails in bfloat16; empty if it does not, or if it is not known.

        Args:
            device: the device on which the network runs.

        Raises:
            RobenchError: the model's files are missing or broken.
        """
        return ""


@dataclass(frozen=True, eq=False)
class NetworkSource(VictimSource):
    """A network of Transformers and its tokenizer: a sequence classifier, or a language model with a prompt.

    Attributes:
        length: most tokens of a text unless the user chooses another number; None is the model's own limit.
        sigmoid: whether the user says that the one output of a classifier is a logit.
        prompt: what makes a classifier of a language model; None for a sequence classifier.
    """

    length: int | None = field(default=None, kw_only=True)
    sigmoid: bool = field(default=False, kw_only=True)
    prompt: Prompt | None = field(default=None, kw_only=True)

    @property
    def kind(self) -> str:
        """Return the kind of model, as users see it."""
        return "language model" if self.prompt else "Transformers model"

    @property
    def advice_at_chance(self) -> str:
        """Return what may help a prompt; see :meth:`VictimSource.advice_at_chance`."""
        return ADVICE_AT_CHANCE if self.prompt else ""

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Load the model as a scorer; see :meth:`VictimSource.load`."""
        from robench.victims.networks import NetworkScorer
        from robench.victims.prompted import PromptedScorer

        parts = (self.shown, *self._load_parts(precision, device))
        length = max_length or self.length
        if self.prompt:
            return PromptedScorer(*parts, self.prompt, max_length=length, precision=precision, device=device)
        return NetworkScorer(*parts, max_length=length, precision=precision, device=device, sigmoid=self.sigmoid)

    @abstractmethod
    def _load_parts(self, precision: Precision, device: torch.device) -> tuple[Any, Any]:
        """Load network and tokenizer."""


@dataclass(frozen=True, eq=False)
class PretrainedSource(NetworkSource):
    """A network that Transformers loads: a folder, or a Hub id at a commit.

    Attributes:
        location: the folder, or the Hub id.
        revision: the commit of a Hub model.
        trust_remote_code: run the Python files that come with the model.
        base: the model that it changes, if it is a PEFT adapter; None for a whole model.
    """

    location: str
    revision: str | None = None
    trust_remote_code: bool = False
    base: PretrainedSource | None = None

    @property
    def files(self) -> ModelFiles:
        """Return its files."""
        return ModelFiles(self.shown, self.location, self.revision, self.trust_remote_code)

    def _load_parts(self, precision: Precision, device: torch.device) -> tuple[Any, Any]:
        native = precision == "native"
        if self.base is None:
            from robench.victims.pretrained import load_pretrained

            return load_pretrained(self.files, native=native, device=device, prompted=self.prompt is not None)
        from robench.victims.adapters import load_adapted

        return load_adapted(self.files, self.base.files, native=native, device=device)

    def find_bfloat16_fault(self, device: torch.device) -> str:
        """Try the network, of an adapter that of its base model; see :meth:`VictimSource.find_bfloat16_fault`."""
        from robench.victims.pretrained import find_bfloat16_fault

        return find_bfloat16_fault((self.base or self).files, device, prompted=self.prompt is not None)


@dataclass(frozen=True, eq=False)
class PairSource(NetworkSource):
    """A network of Transformers and its tokenizer, in memory.

    Attributes:
        model: the network.
        tokenizer: its tokenizer.
    """

    model: Any
    tokenizer: Any

    @property
    def kind(self) -> str:
        """Return the kind of model, as users see it."""
        return f"{super().kind} in memory"

    @property
    def usual_precision(self) -> Precision:
        """Return native for a model whose weights are not in float32, as it runs where it comes from."""
        return "fp32" if self._is_float32 else "native"

    @property
    def _is_float32(self) -> bool:
        import torch

        return all(part.dtype == torch.float32 for part in self.model.parameters() if part.is_floating_point())

    def _load_parts(self, precision: Precision, device: torch.device) -> tuple[Any, Any]:
        """Return the network, a copy in float32 if its weights have another type than is needed, and the tokenizer."""
        is_usable = precision == "native" or self._is_float32
        return self.model if is_usable else copy.deepcopy(self.model).float(), self.tokenizer

    def preserve(self) -> contextlib.AbstractContextManager[None]:
        """Restore modes and device; see :meth:`VictimSource.preserve`."""
        from robench.victims.networks import preserve_network

        return preserve_network(self.model)

    def find_bfloat16_fault(self, device: torch.device) -> str:
        """Try a network of the same class; see :meth:`VictimSource.find_bfloat16_fault`."""
        from robench.models.bfloat16 import find_bfloat16_fault

        return find_bfloat16_fault(lambda: type(self.model)(self.model.config), device)


@dataclass(frozen=True, eq=False)
class CalledSource(VictimSource):
    """A model that robench does not run itself: it sends texts, and counts them.

    Attributes:
        calls: how it is called.
    """

    calls: CallSettings = field(default=CallSettings(), kw_only=True)

    has_network = False

    @cached_property
    def meter(self) -> Meter:
        """Return the count of the texts that this run sends to it."""
        return Meter(self.shown, self.calls.max_queries)


@dataclass(frozen=True, eq=False)
class FunctionSource(CalledSource):
    """A Python function from N texts to N rows of scores, which may be async.

    Attributes:
        function: the function.
        names: the names of its columns; empty if it has none.
    """

    function: Callable[[list[str]], Any]
    names: Mapping[int, str] = field(default_factory=dict)

    kind = "Python function"

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Load the model as a scorer; see :meth:`VictimSource.load`."""
        from robench.victims.function_scorer import FunctionScorer

        return FunctionScorer(self.shown, self.function, self.calls, self.meter, self.names)


@dataclass(frozen=True, eq=False)
class EstimatorSource(FunctionSource):
    """A classifier of scikit-learn that takes texts; ``function`` calls it."""

    kind = "scikit-learn classifier"


def version_option(shown: str) -> str:
    """Return how a user gives a model a version: by an option if a command named it, else by an argument."""
    return "--version TEXT" if shown else 'version="1"'


def hash_texts(*parts: str) -> str:
    """Return the sha256 of texts, separated so that their boundaries count."""
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
