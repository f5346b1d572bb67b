"""What to run, and running it: requests, the plan of their stages, and the runner."""

from typing import TYPE_CHECKING

from robench.lazy import lazy_attributes

if TYPE_CHECKING:
    from robench.study.request import Request
    from robench.study.runner import Runner
    from robench.study.stages.context import Context
    from robench.study.victim_request import VictimRequest

__all__ = [
    "Context",
    "Request",
    "Runner",
    "VictimRequest",
]

if not TYPE_CHECKING:  # or type checkers would believe in any name
    __getattr__, __dir__ = lazy_attributes(__name__, __file__)
