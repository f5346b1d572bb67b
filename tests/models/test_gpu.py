"""A GPU trains and predicts; a machine without one skips these tests."""

from __future__ import annotations

import copy

import pytest
import torch

from robench.defenses.base import Base
from robench.training.settings import TrainingSettings
from support import tiny


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU that torch can use")
def test_a_model_trained_on_a_gpu_gives_there_the_logits_that_it_gives_on_the_cpu() -> None:
    gpu = torch.device("cuda", torch.cuda.current_device())
    settings = TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3, max_length=24, eval_every=4)
    result = tiny.trained(Base(), tiny.rows(64), settings, device=gpu)
    network = result.predictor.classifier
    assert {parameter.device for parameter in network.parameters()} == {gpu}
    texts = [example.text for example in tiny.examples(45, seed=7)]
    on_gpu = result.predictor.logits(texts)
    on_cpu = tiny.predictor(copy.deepcopy(network)).logits(texts)
    torch.testing.assert_close(on_gpu, on_cpu, atol=1e-3, rtol=0)
    assert on_cpu.std(0).min() > 0.01, "texts have to differ"
