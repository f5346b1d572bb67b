r"""A causal language model as a classifier, and as a victim of robench.

    python language_model_victim.py ./llama --task sst2 --preset quick

MODEL is a folder that ``save_pretrained`` wrote, or an id on the Hub. A text's scores are the log-probabilities of the
label words behind the prompt. The same on the command line:

    robench attack --model ./llama --prompt "Review: {text}\nSentiment:" --label-words negative,positive --task sst2
"""

import argparse

import robench

PROMPT = "Review: {text}\nSentiment:"
LABEL_WORDS = ("negative", "positive")  # one for each label of the task, in the task's order


def main() -> None:
    """Attack the model, and show how much of its accuracy each attack leaves."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--task", default="sst2")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--data", help="folder with TASK/{train,dev,test}.tsv")
    options = parser.parse_args()
    results = robench.attack_model(
        options.model,
        prompt=PROMPT,
        label_words=LABEL_WORDS,
        task=options.task,
        attack=["deepwordbug", "pwws"],
        preset=options.preset,
        data=options.data,
    )
    print(results[["attack", "clean_accuracy", "accuracy_under_attack", "queries"]].to_string(index=False))


if __name__ == "__main__":
    main()
