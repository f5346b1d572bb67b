"""The page for judges: what stands on it, what it does in a browser, and what hostile texts do to it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from robench.report.judge import _describe_answers, render_page
from robench.results.answers import JudgeAnswers
from robench.results.blind_texts import BlindKey, BlindText, KeyRow
from support.open_browser import open_window

HOSTILE = (
    "</p></fieldset><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    '" onfocus="alert(1)" x="',
    "{{ 7 * 7 }} {% raw %} \x1b[31m \u202e reversed \x00",
    "=1+1",
    "two\nlines &amp; <b>bold</b>",
)
LABELS = ("bad", '<i>good</i>"')


def page(texts: tuple[str, ...] = HOSTILE) -> str:
    rows = tuple(KeyRow(number, number, "clean", 0) for number in range(1, len(texts) + 1))
    key = BlindKey("abc123", "secret-cell", LABELS, rows)
    return render_page(key, [BlindText(number, text) for number, text in enumerate(texts, 1)])


class Reader(HTMLParser):
    """The tags of a page with their attributes, and the texts of its paragraphs of class ``text``."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = dict(attrs).get("class") == "text"
        if self._inside:
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "p"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def read(content: str) -> Reader:
    reader = Reader()
    reader.feed(content)
    return reader


def test_one_unclear_text_keeps_no_label() -> None:
    rows = tuple(KeyRow(number, number, "clean", 0) for number in (1, 2, 3))
    key = BlindKey("abc123", "cell", LABELS, rows)
    notes = _describe_answers(key, [JudgeAnswers("ann", {1: 0, 2: -1, 3: 1}), JudgeAnswers("ben", {1: -1, 2: -1})])
    assert notes == [
        "ann: of 3 texts 1 unclear, which keeps no label",
        "ben: of 3 texts 1 without an answer and 2 unclear, which keep no label",
    ]


def test_page_with_hostile_texts_shows_them_as_text() -> None:
    found = read(page())
    cleaned = [re.sub("[\x00\x1b\u202e]", "\ufffd", text) for text in HOSTILE]
    assert found.texts == cleaned
    tags = [tag for tag, _ in found.tags]
    assert tags.count("script") == 1 and "img" not in tags and "b" not in tags and "i" not in tags
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    values = [attributes["value"] for tag, attributes in found.tags if tag == "input" and "value" in attributes]
    assert values == [*LABELS, "(unclear)"] * len(HOSTILE)


def test_page_loads_nothing_and_gives_nothing_away() -> None:
    content = page(("a text", "another one"))
    assert not re.search(r"https?://|\bsrc=|\bhref=|@import|url\(", content)
    assert "secret-cell" not in content and "adversarial" not in content.lower() and "clean" not in content.lower()
    (policy,) = [a["content"] for tag, a in read(content).tags if tag == "meta" and a.get("http-equiv")]
    assert policy is not None and policy.startswith("default-src 'none'") and "script-src 'sha256-" in policy


def test_page_has_a_name_for_every_control() -> None:
    found = read(page())
    assert [a.get("lang") for tag, a in found.tags if tag == "html"] == ["en"]
    tags = [tag for tag, _ in found.tags]
    assert tags.count("fieldset") == tags.count("legend") == len(HOSTILE)
    inputs = [at for at, (tag, _) in enumerate(found.tags) if tag == "input"]
    assert all(found.tags[at - 1][0] == "label" for at in inputs)


def test_page_in_chromium_runs_its_own_script_and_no_other(tmp_path: Path, chromium: Any) -> None:
    file = tmp_path / "judge.html"
    file.write_text(page(), encoding="utf-8")
    with open_window(chromium) as visit:
        shown = visit.open(file.as_uri()).content()
    assert 'class="current"' in shown, "its own script ran"
    assert "<title>Which label has each text?</title>" in shown


SCENE = """async () => {
const press = key => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
const saved = {}, blobs = [];
URL.createObjectURL = blob => { blobs.push(blob); return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { saved[this.download] = true; };
for (const key of ["1", "2", "j", "0", "9", "k", "k", "2", "1", "Backspace", "ArrowUp", "Backspace", "1"]) press(key);
document.getElementById("judge").value = "Anna M.";
document.getElementById("csv").click();
document.getElementById("json").click();
for (const blob of blobs) saved[blob.type] = await blob.text();
return saved;
}"""


def test_page_in_chromium_takes_labels_by_keyboard_and_saves_them(tmp_path: Path, chromium: Any) -> None:
    file = tmp_path / "judge.html"
    file.write_text(page(("a", "b", "c", "d", "e", "f")), encoding="utf-8")
    with open_window(chromium) as visit:
        opened = visit.open(file.as_uri())
        saved, shown = opened.evaluate(SCENE), opened.content()
    # 1 and 2 label the first two, j leaves the third out, 0 is unclear on the fourth, 9 is no label; k k goes back to
    # the third, which 2 labels; 1 labels the fourth anew; Backspace empties the fifth, which was empty; up to the
    # fourth, which Backspace empties and 1 labels.
    second = LABELS[1]
    expected = {"1": "bad", "2": second, "3": second, "4": "bad"}
    given = json.loads(saved["application/json"])
    assert given == {"batch": "abc123", "judge": "Anna M.", "answers": expected}
    quoted = '"' + second.replace('"', '""') + '"'
    rows = [f"abc123,{n},{label}" for n, label in (("1", "bad"), ("2", quoted), ("3", quoted), ("4", "bad"))]
    assert saved["text/csv"].splitlines() == ["batch,number,label", *rows, "abc123,5,", "abc123,6,"]
    assert {"answers-abc123-Anna-M.csv", "answers-abc123-Anna-M.json"} <= saved.keys()
    assert "4 of 6 answered" in shown
