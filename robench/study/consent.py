"""The user's consent to code of others: which attacks may run, and why another one may not."""

from __future__ import annotations

from collections.abc import Sequence

from robench.errors import RobenchError
from robench.study.setting import NamedAttack


def find_refusal(named: NamedAttack, *, consent: bool) -> str:
    """Return why an attack may not load its foreign files, as sentences; empty if it may, or has none.

    Args:
        named: the attack.
        consent: whether the user allowed code of others to run.
    """
    for file in named.attack.foreign_files:
        reasons = [] if file.pin.sha256 else [f"This version of robench has no pin of it. {file.remedy}"]
        if not consent:
            reasons.append("Allow it with --trust-remote-code.")
        if reasons:
            return f"{named.name} loads {file.title}, which can run any code. {' '.join(reasons)}"
    return ""


def split_by_consent(
    attacks: Sequence[NamedAttack], named: Sequence[str], *, consent: bool
) -> tuple[list[NamedAttack], list[str]]:
    """Return the attacks that may run, and a sentence for each of the others.

    Args:
        attacks: the attacks of a request.
        named: the names that the user wrote; an attack that only ``all`` stands for is left out if it may not run.
        consent: whether the user allowed code of others to run.

    Raises:
        RobenchError: an attack that the user named may not run, or none of them may.
    """
    allowed, refusals = list[NamedAttack](), list[str]()
    for attack in attacks:
        refusal = find_refusal(attack, consent=consent)
        if refusal and attack.name in named:
            raise RobenchError(refusal)
        if refusal:
            refusals.append(f"{attack.name} is left out: {refusal}")
        else:
            allowed.append(attack)
    if refusals and not allowed:
        raise RobenchError(refusals[0])
    return allowed, refusals
