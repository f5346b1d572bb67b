"""Language models behind an endpoint in OpenAI's form."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp
from pathlib import Path

import pytest

from robench.errors import RobenchError, RunEndError
from robench.victims.call_settings import CallSettings
from robench.victims.endpoint import Endpoint
from robench.victims.endpoint_scorer import EndpointScorer
from robench.victims.endpoint_source import find_endpoint
from robench.victims.meter import Meter
from robench.victims.prompts import Prompt
from support.classifier_server import ClassifierServer, score, serve
from support.refusals import told
from support.runs import attacked, cells
from support.tiny_job import TASK, TinyJob, robench, rows

PROMPT = Prompt("Review: {text}\nSentiment:", ("negative", "positive"), chat=True)
TEXTS = [text for text, _ in rows(6)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ClassifierServer]:
    with serve() as server:
        server.key = "sk-secret-of-this-test"
        monkeypatch.setenv("OPENAI_API_KEY", server.key)
        yield server


def scorer(server: ClassifierServer, prompt: Prompt = PROMPT) -> EndpointScorer:
    endpoint = Endpoint(server.url, "tiny", prompt)
    return EndpointScorer("tiny", endpoint, CallSettings(concurrency=3, first_pause=0.01), Meter("tiny"))


def test_an_endpoint_is_attacked_like_any_classifier_and_its_key_is_stored_nowhere(
    server: ClassifierServer, tiny_job: TinyJob, tmp_path: Path
) -> None:
    words: list[object] = [
        "attack",
        "--model",
        "org/tiny",
        "--endpoint",
        server.url,
        "--prompt",
        r"Review: {text}\nSentiment:",
    ]
    words += ["--label-words", "negative,positive", "--chat", "--concurrency", "4", "--task", TASK]
    words += ["--data", tiny_job.data, "--preset", "quick", "--offline", "--attack", "deepwordbug"]
    server.fail_every = 25
    done = robench(*words, "--attack-limit", "4", "--runs", tmp_path / "runs")
    assert done.exit_code == 0, done.output
    ((_, cell),) = cells(tmp_path / "runs").items()
    assert cell.info.victim is not None and cell.info.defense.name == "tiny"
    assert cell.info.victim.kind == "language model behind an endpoint"
    assert cell.info.clean.correct == 16
    assert {record.status for record in attacked(cell)} <= {"succeeded", "failed"}
    assert all(body["max_tokens"] == 1 and body["top_logprobs"] == 20 for body in server.requests)
    stored = [path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not any(server.key.encode() in content for content in [*stored, done.output.encode()])
    assert "--max-length is for models that robench runs itself" in told(robench(*words, "--max-length", "9"))
    for more in (["--sigmoid"], ["--texts-per-call", "4"]):
        assert f"{more[0]} is not for an endpoint" in told(robench(*words, *more))
    refused = told(robench(*words, "--api-key-variable", "sk-a-key"))
    assert "--api-key-variable takes the name of an environment variable" in refused and "sk-a-key" not in refused


@pytest.mark.parametrize("chat", [True, False])
def test_scores_are_the_log_probabilities_of_the_tokens_that_begin_a_label(
    chat: bool, server: ClassifierServer
) -> None:
    found = scorer(server, Prompt(PROMPT.template, PROMPT.words, chat=chat))(TEXTS).softmax(-1)
    for text, row in zip(TEXTS, found, strict=True):
        bad, good = score(text)
        positive = exp(good) + exp(good - 1)  # of "positive" and "Positive"
        assert row[1].item() == pytest.approx(positive / (positive + exp(bad)), abs=1e-5)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ("none", "sends no log-probabilities"),
        ("flat", "log-probabilities that mean nothing"),
        ("deaf", "gives 6 different texts the same probabilities"),
        (
            "other",
            r"of 6 test texts, none gets an answer that begins with one of the label words",
        ),
    ],
)
def test_a_server_whose_log_probabilities_mean_nothing_is_refused_at_the_start(
    form: str, sentence: str, server: ClassifierServer
) -> None:
    server.form = form
    with pytest.raises(RobenchError, match=sentence):
        tried = scorer(server)
        tried(TEXTS)
        tried.probe(TEXTS)


def test_labels_that_are_not_listed_get_the_floor_which_is_counted(server: ClassifierServer) -> None:
    server.form = "floor"
    one = scorer(server)
    assert one(TEXTS).shape == (6, 2)
    probed = one.probe(TEXTS)
    one([f"{text}!" for text in TEXTS])
    one.begin_summary()
    one(TEXTS)
    for warnings in (probed, one.summarise()):
        assert warnings[0].startswith("for 3 of 6 texts, a label is not among the 20 likeliest first tokens")
    server.form = "words"
    fine = scorer(server)
    assert fine.probe(TEXTS) == []
    fine.begin_summary()
    fine(TEXTS)
    assert fine.summarise() == []


@pytest.mark.parametrize("words", [("1", "10"), ("not sure", "No"), ("same", "Same")])
def test_label_words_that_begin_alike_are_refused(server: ClassifierServer, words: tuple[str, ...]) -> None:
    with pytest.raises(RobenchError, match=r"^the label words .* and .* begin alike, and an endpoint tells the first"):
        scorer(server, Prompt(PROMPT.template, words, chat=True))


def test_a_wrong_key_ends_the_run_and_is_not_shown(server: ClassifierServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    with pytest.raises(RunEndError, match=r"it wants an API key.*OPENAI_API_KEY") as caught:
        scorer(server)(TEXTS)
    assert "sk-wrong" not in str(caught.value) and "***" in str(caught.value)
    assert server.calls <= 3


def test_address_model_version_and_prompt_are_part_of_the_digest_and_the_key_is_not() -> None:
    prompt = Prompt(PROMPT.template, ("bad", "good"), chat=True)
    endpoints = [
        Endpoint("http://a/v1", "m", PROMPT),
        Endpoint("http://b/v1", "m", PROMPT),
        Endpoint("http://a/v1", "n", PROMPT),
        Endpoint("http://a/v1", "m", prompt),
    ]
    digests = [find_endpoint(one).digest for one in endpoints] + [find_endpoint(endpoints[0], version="2").digest]
    assert len(set(digests)) == 5
    other = Endpoint("http://a/v1/", "m", PROMPT, key_variable="MINE")
    assert find_endpoint(other).digest == digests[0]
    assert "--api-key-variable" in find_endpoint(other).command
    for url, sentence in (("ftp://a", "takes the address"), ("http://me:secret@a/v1", "has a password in it")):
        with pytest.raises(RobenchError, match=sentence) as caught:
            find_endpoint(Endpoint(url, "m", PROMPT))
        assert "secret" not in str(caught.value)
