"""Where the pages of the site stand, and links between them."""

from __future__ import annotations

from markupsafe import Markup

from robench.escaping import escape_html, hide_folders, slug
from robench.results.entry_form import Entry


def defense_page(name: str) -> str:
    """Return the path of a defense's page."""
    return f"defenses/{slug(name)}.html"


def attack_page(name: str) -> str:
    """Return the path of an attack's page."""
    return f"attacks/{slug(name)}.html"


def entry_page(entry: Entry) -> str:
    """Return the path of an entry's page; its name is that of the entry's file, cut if it is long."""
    by = f"-rerun-{slug(entry.rerun_by)}" if entry.rerun_by else ""
    return f"entries/{slug(entry.label)}-{entry.key}{by}.html"


def link(path: str, text: str, root: str = "../") -> Markup:
    """Return a link to a page of the site.

    Args:
        path: of the page, from the root of the site.
        text: what is shown; it may come from strangers.
        root: the way to the root of the site; most pages stand one folder below it.
    """
    return Markup('<a href="{}{}">{}</a>').format(root, path, escape_html(hide_folders(text)))


def link_out(url: str, text: str) -> Markup:
    """Return a link to a page of others; only the pages of papers and their code are linked."""
    return Markup('<a href="{}" rel="noreferrer">{}</a>').format(url, escape_html(text))
