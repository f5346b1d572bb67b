"""AG News: 120,000 titles with their description, of which the paper holds out 6,000 as dev, and 7,600 to test."""

from robench.data import HubSource, Task

AG = Task(
    labels=("World", "Sports", "Business", "Sci/Tech"),
    summary="topic of news in brief (AG News)",
    hub=HubSource(
        repository="fancyzhx/ag_news",
        revision="eb185aade064a813bc0b7f42de02595523103ca4",
        dev=None,
        dev_sample=6000,
    ),
    relative="bbc",
)
