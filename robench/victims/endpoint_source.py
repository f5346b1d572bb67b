"""Language models behind an endpoint in OpenAI's form, as sources of a user's model."""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from robench.errors import RobenchError
from robench.escaping import show_value
from robench.victims.call_settings import CallSettings
from robench.victims.endpoint import KEY_VARIABLE, Endpoint
from robench.victims.find import choose_name
from robench.victims.prompted_source import prompt_options
from robench.victims.prompts import ADVICE_AT_CHANCE
from robench.victims.source import CalledSource, hash_texts

if TYPE_CHECKING:
    import torch

    from robench.models.devices import Precision
    from robench.victims.scorer import Scorer


@dataclass(frozen=True, eq=False)
class EndpointSource(CalledSource):
    """A language model behind an endpoint."""

    endpoint: Endpoint = field(kw_only=True)

    kind = "language model behind an endpoint"
    tolerance = 0.1
    advice_at_chance = ADVICE_AT_CHANCE

    def load(self, *, max_length: int | None, precision: Precision, device: torch.device) -> Scorer:
        """Make the scorer; see :meth:`~robench.victims.source.VictimSource.load`."""
        from robench.victims.endpoint_scorer import EndpointScorer

        return EndpointScorer(self.shown, self.endpoint, self.calls, self.meter)


def find_endpoint(
    endpoint: Endpoint, *, name: str | None = None, version: str = "", calls: CallSettings | None = None
) -> EndpointSource:
    """Return the source of a model behind an endpoint; nothing is sent yet.

    Args:
        endpoint: the endpoint.
        name: the name of its row in tables; by default the last part of the model's name.
        version: the user's version of the model, which is part of its digest.
        calls: how it is called.

    Raises:
        RobenchError: the address or the name is unusable.
    """
    address = urllib.parse.urlsplit(endpoint.url)
    if address.scheme not in ("http", "https") or not address.hostname or address.query:
        raise RobenchError(
            f"--endpoint {show_value(endpoint.url)}: it takes the address before /chat/completions, such as"
            " https://api.openai.com/v1 or http://localhost:8000/v1."
        )
    if address.username or address.password:
        raise RobenchError(
            "--endpoint has a password in it, which results would show; put the key into the environment variable"
            f" {endpoint.key_variable}."
        )
    shown = f"{endpoint.model} at {endpoint.url}"
    digest = hash_texts("endpoint", endpoint.url.rstrip("/"), endpoint.model, version, *endpoint.prompt.parts)
    variable = ("--api-key-variable", endpoint.key_variable) if endpoint.key_variable != KEY_VARIABLE else ()
    command = (
        *("--model", endpoint.model, "--endpoint", endpoint.url, *variable),
        *prompt_options(endpoint.prompt),
        *(("--version", version) if version else ()),
    )
    chosen = choose_name(name, endpoint.model.rpartition("/")[2])
    calls = calls or CallSettings()
    return EndpointSource(chosen, shown, digest, command=command, calls=calls, endpoint=endpoint)
