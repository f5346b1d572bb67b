"""SST-2 as the paper uses it: whole sentences, 6,920 / 872 / 1,821 rows, already lower-case."""

from robench.data import HubSource, Task

SST2 = Task(
    labels=("negative", "positive"),
    summary="sentiment of sentences from film reviews (SST-2)",
    hub=HubSource(repository="SetFit/sst2"),
    public_copies={
        "43edf78f34b333c5fe45c93e604130d6199532c074b036dd73027f0429a8385b": "SST-2, whole sentences, published split",
    },
    relative="mr",
)
