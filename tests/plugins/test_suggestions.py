"""The sentence for a name that does not exist."""

from __future__ import annotations

from robench.plugins.suggestions import explain_unknown


def test_explain_unknown_with_more_names_than_a_sentence_lists_counts_them() -> None:
    names = [f"name-{number}" for number in range(31)]
    counted = "unknown name 'zzz': there are 31 others, none of them like it. List them."
    assert explain_unknown("name", "zzz", names, "list them") == counted
    assert explain_unknown("name", "zzz", names[:30], "list them").endswith(", name-29. List them.")
