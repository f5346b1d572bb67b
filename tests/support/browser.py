"""The Chromium of the machine, if it has one, and what it measures of a page as people see it."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "NO CHROMIUM: pages were not looked at in a browser (Debian: apt install chromium)"
PHONE, DESK = 320, 1280

MEASURE = r"""() => {
function luminance(c) {
  const [r, g, b] = c.map(v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function rgb(text) {
  const m = text.match(/[0-9.]+/g).map(Number);
  return m.length > 3 && m[3] === 0 ? null : m.slice(0, 3);
}
function background(element) {
  for (let e = element; e; e = e.parentElement) {
    const found = rgb(getComputedStyle(e).backgroundColor);
    if (found) return found;
  }
  return [255, 255, 255];
}
function brokenWords() {
  const broken = [];
  for (const head of document.body.querySelectorAll("th")) {
    for (const node of head.childNodes) {
      for (const word of node.nodeType === 3 ? node.textContent.matchAll(/[^\s-]{2,12}(?=[\s-]|$)/g) : []) {
        if (word.index && !/[\s-]/.test(node.textContent[word.index - 1])) continue;
        const range = document.createRange();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}
const low = [], wide = [];
for (const e of document.body.querySelectorAll("*")) {
  const box = e.getBoundingClientRect(), style = getComputedStyle(e);
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (own && box.width > 1 && !e.closest("svg, .skip")) {
    const a = luminance(rgb(style.color)), b = luminance(background(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) low.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio]);
  }
  if (box.right > innerWidth + 1 && !e.closest(".wide, pre, .skip, .unseen")) wide.push([e.tagName, box.right]);
}
return {broken: brokenWords(), width: document.documentElement.scrollWidth, view: innerWidth, low, wide,
        dark: matchMedia("(prefers-color-scheme: dark)").matches};
}"""
"""Evaluates to what is wrong with the words, widths and contrasts of a page."""


def find_browser() -> str | None:
    """The path of a Chromium."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
