"""A real browser without a window, if the machine has one: pages as people see them."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "NO CHROMIUM: pages were not looked at in a browser (Debian: apt install chromium)"
PHONE, DESK = 320, 1280

MEASURE = r"""
function luminance(c) {
  const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function rgb(text) {
  const m = text.match(/[0-9.]+/g).map(Number);
  return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3);
}
function background(view, element) {
  for (let e = element; e; e = e.parentElement) {
    const found = rgb(view.getComputedStyle(e).backgroundColor);
    if (found) return found;
  }
  return [255, 255, 255];
}
function brokenWords(page) {
  const broken = [];
  for (const head of page.body.querySelectorAll("th")) {
    for (const node of head.childNodes) {
      for (const word of node.nodeType === 3 ? node.textContent.matchAll(/[^\s-]{2,12}(?=[\s-]|$)/g) : []) {
        if (word.index && !/[\s-]/.test(node.textContent[word.index - 1])) continue;
        const range = page.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}
function measure(frame) {
  const view = frame.contentWindow, page = frame.contentDocument, low = [], wide = [];
  for (const e of page.body.querySelectorAll("*")) {
    const box = e.getBoundingClientRect(), style = view.getComputedStyle(e);
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (own && box.width > 1 && !e.closest("svg, .skip")) {
      const a = luminance(rgb(style.color)), b = luminance(background(view, e));
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) low.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio]);
    }
    if (box.right > view.innerWidth + 1 && !e.closest(".wide, pre, .skip, .unseen")) wide.push([e.tagName, box.right]);
  }
  return {broken: brokenWords(page), width: page.documentElement.scrollWidth, view: view.innerWidth, low, wide,
          dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
          height: page.documentElement.scrollHeight};
}
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) found[frame.id] = measure(frame);
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def find_browser() -> str | None:
    """The path of a Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def look_at(browser: str, pages: Mapping[str, str], folder: Path, *, dark: bool = False) -> dict[str, Any]:
    """What a browser measures of pages on a phone and on a desk, by ``NAME-WIDTH``, and its complaints, ``console``.

    Each page stands in a frame of its own; the measuring script is outside of it, as the pages forbid scripts.
    """
    frames = "".join(
        f'<iframe id="{name}-{width}" style="width:{width}px;height:900px;border:0"'
        f' srcdoc="{html.escape(page)}"></iframe>'
        for name, page in pages.items()
        for width in (PHONE, DESK)
    )
    frame = folder / f"frame-{'dark' if dark else 'light'}.html"
    frame.write_text(
        f'<!doctype html><meta charset="utf-8"><script>{MEASURE}</script>{frames}<pre id="found"></pre>',
        encoding="utf-8",
    )
    profile = folder / "profile"
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--enable-logging=stderr"]
    words += [f"--window-size={DESK + 100},1000", "--virtual-time-budget=10000"]
    words += ["--blink-settings=preferredColorScheme=0"] if dark else ["--blink-settings=preferredColorScheme=1"]
    done = subprocess.run(
        [browser, *words, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert match and match[1], done.stderr
    found: dict[str, Any] = json.loads(html.unescape(match[1]))
    return found | {"console": [line for line in done.stderr.splitlines() if "CONSOLE" in line]}
