"""A task of your own: remarks about the weather, made by a function.

Try it: ``robench run --plugin my_task.py --task weather --defense base --attack deepwordbug --preset quick``.

A task whose rows are files needs no function: ``robench.Task(labels=("dry", "wet"))`` reads
``DIR/weather/{train,dev,test}.tsv`` of ``--data DIR``.
"""

from itertools import product

import robench
from robench.data import Row, Splits, hold_out

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PLACES = ("in the hills", "by the sea", "over the old town", "along the river", "on our street")
REMARKS = {
    "dry": ("the sun shone", "a warm breeze blew", "not a cloud was seen", "the ground was dusty"),
    "wet": ("the rain poured", "a thunderstorm broke", "the fog was dripping", "every umbrella was open"),
}


def read_rows(offline: bool) -> Splits:
    """Return the rows, split by a hash of their texts; ``offline`` forbids fetching, and nothing is fetched here."""
    rows: list[Row] = [
        (f"on {day} {remark} {place}", label)
        for label, remarks in REMARKS.items()
        for day, remark, place in product(DAYS, remarks, PLACES)
    ]
    rest, test = hold_out(rows, 80, seed=1)
    train, dev = hold_out(rest, 40, seed=1)
    return Splits(train=train, dev=dev, test=test, source="my_task.py, first version")


robench.register(
    "weather",
    robench.Task(labels=tuple(REMARKS), summary="dry or wet, in a remark about the weather", index=read_rows),
)
