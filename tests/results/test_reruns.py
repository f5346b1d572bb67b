"""What a rerun says of an entry."""

from __future__ import annotations

from fractions import Fraction

from msgspec.structs import replace

from robench.results.entry_form import Entry
from robench.results.info_parts import Outcome
from robench.results.reruns import compare_reruns
from support.many_entries import make_entry

FIRST = make_entry("pgd", seed=1, texts=100)


def run_again(losses: int) -> Entry:
    """A rerun in which that many texts fall under each attack that held in the first."""
    attacks = []
    for attack in FIRST.attacks:
        assert attack.records is not None
        status = list(attack.records.status)
        held = [row for row, outcome in enumerate(status) if outcome == "failed"]
        for row in held[:losses]:
            status[row] = "succeeded"
        counts = replace(
            attack.attacked, failed=status.count("failed"), succeeded=status.count("succeeded"), queries=7.5
        )
        attacks.append(replace(attack, attacked=counts, records=replace(attack.records, status=tuple(status))))
    return replace(FIRST, mark="rerun", rerun_by="ann", attacks=tuple(attacks))


def test_equal_records_are_called_equal() -> None:
    found = compare_reruns([run_again(0), FIRST])
    assert len(found) == len(FIRST.attacks) and [one.attack for one in found] == sorted(one.attack for one in found)
    assert all(one.is_equal and one.is_within and one.first == one.second and one.same == one.n == 100 for one in found)
    assert {(one.same_texts, one.shift) for one in found} == {(100, 0.0)}


def test_how_far_probabilities_and_texts_moved_is_measured() -> None:
    again = run_again(0)
    (attack, *others) = again.attacks
    assert attack.records is not None
    (one, two, *rest), (text, *texts) = attack.records.after, attack.records.final
    moved = replace(attack.records, after=((one[0] - 0.25, *one[1:]), two, *rest), final=("0" * 64, *texts))
    again = replace(again, attacks=(replace(attack, records=moved), *others))
    found = next(one for one in compare_reruns([FIRST, again]) if not one.is_equal)
    assert (found.same, found.same_texts, found.shift) == (100, 99, 0.25) and text != "0" * 64


def test_other_outcomes_are_counted_and_few_of_them_stay_within_the_interval() -> None:
    for one in compare_reruns([FIRST, run_again(3)]):
        assert (one.same, one.is_equal, one.is_within) == (97, False, True)
        assert one.first - one.second == Fraction(3, 100) and one.interval[0] < one.second < one.interval[1]


def test_many_other_outcomes_leave_the_interval() -> None:
    assert [one.is_within for one in compare_reruns([FIRST, run_again(25)])] == [False] * len(FIRST.attacks)


def test_counts_alone_tell_accuracy_but_not_which_rows() -> None:
    again = run_again(3)
    again = replace(again, attacks=tuple(replace(one, records=None) for one in again.attacks))
    found = {
        (one.same, one.same_texts, one.shift, one.is_equal, one.is_within) for one in compare_reruns([FIRST, again])
    }
    assert found == {(None, None, None, False, True)}


def test_rerun_of_nothing_and_attacks_of_one_side_are_left_out() -> None:
    again = run_again(0)
    assert compare_reruns([again]) == [] and compare_reruns([FIRST]) == []
    assert len(compare_reruns([FIRST, replace(again, attacks=again.attacks[:1])])) == 1


def test_attack_that_ended_in_errors_alone_is_left_out() -> None:
    lost = Outcome(n=100, failed=0, succeeded=0, skipped=0, errors=100)
    broken = tuple(replace(one, attacked=lost, records=None) for one in FIRST.attacks)
    assert compare_reruns([replace(FIRST, attacks=broken), run_again(0)]) == []
