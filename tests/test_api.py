"""The Python functions are made from the fields of the options: their signatures, documentation and errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

import robench
from robench.study.options import AttackOptions, RunOptions, StoreOptions, run_options

if TYPE_CHECKING:
    import pandas

FUNCTIONS = [(robench.run, RunOptions), (robench.attack_model, AttackOptions)]


@pytest.mark.parametrize(("function", "kind"), FUNCTIONS, ids=["run", "attack_model"])
def test_function_has_each_option_with_its_default_type_and_meaning(function: Callable[..., Any], kind: type) -> None:
    options = run_options(kind, StoreOptions)
    parameters = inspect.signature(function).parameters
    assert list(parameters) == [*options, "progress"]
    text = " ".join((function.__doc__ or "").split())
    for name, option in options.items():
        empty = inspect.Parameter.empty
        assert parameters[name].default == (empty if option.required else option.default)
        assert parameters[name].annotation == option.hint
        assert parameters[name].kind == parameter_kind(name)
        assert f"{name}: {option.text.meaning}" in text


def parameter_kind(name: str) -> Any:
    return inspect.Parameter.POSITIONAL_OR_KEYWORD if name == "model" else inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: robench.run(defence="base", task="trec"), r"argument of robench\.run 'defence': did you mean defense"),  # type: ignore[call-arg]
        (lambda: robench.run(task="trec"), "missing a required argument: 'defense'"),  # type: ignore[call-arg]
        (lambda: robench.run("base", task="trec"), "too many positional arguments"),  # type: ignore[call-arg, misc]
        (lambda: robench.attack_model("m", task="trec", encoder="minilm"), "unknown argument of robench.attack_model"),  # type: ignore[call-arg]
    ],
)
def test_arguments_that_do_not_exist_or_are_missing_are_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def typed_script() -> None:
    """Is never called: a type checker reads the signatures that the functions have from their options."""
    results: pandas.DataFrame = robench.run(defense="taichi", task="trec", preset="quick")
    results = robench.run(
        defense=["base", "taichi"],
        task=["trec"],
        seed=[1, 2],
        settings={"taichi": {"temperature": 0.5}},
        existing="always",
        plugin=["a.py"],
        progress=False,
    )
    results = robench.attack_model(lambda texts: [[0.5, 0.5] for _ in texts], task="mr", label_order=[1, 0])
    results = robench.attack_model("my_model:scores", task="mr", runs="elsewhere")
    del results
    robench.run(defense="base", task="mr", existing="never")  # type: ignore[arg-type]
    robench.run(defense="base", task="mr", seed="1")  # type: ignore[arg-type]
