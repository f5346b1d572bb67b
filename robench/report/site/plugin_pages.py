"""A page for each defense and each attack: what it is, its paper, code and options, and all of its results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from robench.plugins import registry
from robench.report.pages.parts import Facts, Paragraph, Part, Section
from robench.report.site.board import Board
from robench.report.site.board_tables import attack_table, board_table
from robench.report.site.links import attack_page, defense_page, entry_page, link, link_out
from robench.report.site.parts import Head, Item, Line, SitePage, SortableTable
from robench.report.site.plugins import PluginFacts, describe_plugin, summarise_plugin
from robench.results.cells import Result
from robench.results.entry_form import Entry
from robench.results.info_parts import PluginInfo

_NO_RESULTS = "No board has results of it yet."


def attack_name(info: PluginInfo) -> str:
    """Return the name under which an attack has its page: the registered one, or its title if it has none."""
    return info.name or info.title


def list_defenses(entries: Sequence[Entry]) -> list[str]:
    """Return the names of all defenses that have a page: those that come with robench, and those of entries."""
    met = {entry.defense.name for entry in entries}
    return sorted(met | {entry.name for entry in registry.entries("defenses") if entry.is_built_in})


def list_attacks(entries: Sequence[Entry]) -> list[str]:
    """Return the names of all attacks that have a page, likewise; families have a page for each member that was met."""
    met = {attack_name(one.attack) for entry in entries for one in entry.attacks}
    own = {entry.name for entry in registry.entries("attacks") if entry.is_built_in and not entry.argument}
    return sorted(met | own)


def _results(boards: Sequence[Board]) -> Iterable[Result]:
    return (result for board in boards for place in board.places for result in place.results)


def make_defense_page(name: str, boards: Sequence[Board], entries: Sequence[Entry]) -> SitePage:
    """Make the page of a defense.

    Args:
        name: its name, one of :func:`list_defenses`.
        boards: all boards.
        entries: all entries.

    Raises:
        RobenchError: a plug-in of the user cannot be loaded.
    """
    facts = describe_plugin("defenses", name, [entry.defense for entry in entries if entry.defense.name == name])
    sections, lead, reference = [], [], registry.reference()
    for board in boards:
        places = [place for place in board.places if place.defense == name]
        if not places:
            continue
        against = [place for place in board.places if place.defense == reference and place not in places]
        shown = sorted([*places, *against], key=board.places.index)
        best = next((place.rank for place in places if place.rank is not None), None)
        rank = f"rank {best} of {len(board.ranked)}" if best else "without a rank"
        lead.append(f"On {board.title}: {rank}.")
        parts: list[Part] = [board_table(board, f"table-{board.name}", shown), Paragraph(link(board.page, "The board"))]
        sections.append(Section(board.name, board.title, parts))
    if alone := [entry for entry in entries if entry.defense.name == name and not entry.attacks]:
        links = Markup(", ").join(link(entry_page(entry), entry.label) for entry in alone)
        sections.append(Section("unattacked", "Not attacked yet", [Paragraph(links)]))
    return _plugin_page(facts, defense_page(name), "defense", lead, sections)


def make_attack_page(name: str, boards: Sequence[Board], entries: Sequence[Entry]) -> SitePage:
    """Make the page of an attack.

    Args:
        name: its name, one of :func:`list_attacks`.
        boards: all boards.
        entries: all entries.

    Raises:
        RobenchError: a plug-in of the user cannot be loaded.
    """
    attacks = [one.attack for entry in entries for one in entry.attacks if attack_name(one.attack) == name]
    met = [r for r in _results(boards) if attack_name(r.attack) == name]
    facts, columns, sections = describe_plugin("attacks", name, attacks), {r.column for r in met}, []
    for board in boards:
        tables: list[Part] = [
            attack_table(board, column, f"table{number}-{board.name}")
            for number, column in enumerate(board.attacks, start=1)
            if column in columns
        ]
        if tables:
            sections.append(Section(board.name, board.title, [*tables, Paragraph(link(board.page, "The board"))]))
    titles = sorted({attack.title for attack in attacks} - {name})
    lead = (
        [f"In tables it is called {', '.join(titles)}: the words in brackets say what is a stand-in."] if titles else []
    )
    return _plugin_page(facts, attack_page(name), "attack", lead, sections)


def _plugin_page(facts: PluginFacts, path: str, kind: str, lead: Sequence[str], results: Sequence[Section]) -> SitePage:
    about: list[Part] = [Paragraph(paragraph) for paragraph in facts.paragraphs]
    about.append(Facts(_list_facts(facts)))
    sections = [Section("about", "What it is", about)]
    if facts.options:
        sections.append(Section("options", "Options", [_options_table(facts)]))
    none = [Section("results", "Results", [Paragraph(_NO_RESULTS)])]
    return SitePage(
        path=path,
        kicker=kind,
        title=facts.name,
        lead=[facts.summary or f"This {kind} is not part of robench; its entries say what follows.", *lead],
        sections=[*(results or none), *sections],
        area=f"{kind}s.html",
    )


def _options_table(facts: PluginFacts) -> SortableTable:
    first = facts.options[0]
    heads = [Head(name, is_text=True, wide=name == "meaning") for name in ("option", "default", "values", "meaning")]
    lines = [
        Line(
            [
                Item(one.name),
                Item(one.default),
                Item(one.values),
                Item(one.meaning, aside=f"Default: {one.source}." if one.source else ""),
            ]
        )
        for one in facts.options
    ]
    caption = f"Set one with --set {facts.name}.{first.name}={first.default}, for example."
    return SortableTable("options-table", caption, heads, lines)


def _list_facts(facts: PluginFacts) -> list[tuple[str, str]]:
    """Return paper, code and origin; texts with links are marked as HTML."""
    found: list[tuple[str, str]] = []
    if facts.work:
        found.append(("paper", link_out(facts.work.url, facts.work.paper)))
        if facts.work.code:
            found.append(("authors' code", link_out(facts.work.code, facts.work.code)))
    if facts.target:
        module, _, name = facts.target.partition(":")
        path = module.removeprefix("robench.").replace(".", "/")
        is_file = facts.origin == "robench"
        found.append(("code", f"{path}.py, {name}" if is_file else facts.target))
    found.append(("provided by", facts.origin or "someone else: its code is not looked up"))
    if facts.options:
        found.append(("options", Markup('<a href="#options">{}</a>').format(len(facts.options))))
    return found


def make_defenses_page(boards: Sequence[Board], entries: Sequence[Entry]) -> SitePage:
    """Make the list of all defenses."""
    lines = []
    for name in list_defenses(entries):
        places = [place for board in boards for place in board.places if place.defense == name]
        rank = min((place.rank for place in places if place.rank is not None), default=None)
        best = Item("—" if rank is None else str(rank), order=rank or 10**6)
        count = len({entry.key for entry in entries if entry.defense.name == name})
        summary = summarise_plugin("defenses", name)
        lines.append(Line([*_list_items(name, defense_page(name), summary, count), best]))
    heads = [*_list_heads("defense"), Head("best rank")]
    table = SortableTable("defenses", "By name; the best rank is over all boards.", heads, lines)
    return _list_page("defenses", "Ways to train a text classifier, each in one file.", table)


def make_attacks_page(entries: Sequence[Entry]) -> SitePage:
    """Make the list of all attacks."""
    lines = []
    for name in list_attacks(entries):
        count = len({entry.key for entry in entries if name in (attack_name(one.attack) for one in entry.attacks)})
        lines.append(Line(_list_items(name, attack_page(name), summarise_plugin("attacks", name), count)))
    table = SortableTable("attacks", "By name.", _list_heads("attack"), lines)
    return _list_page("attacks", "Ways to fool one by changing its texts, each in one file.", table)


def _list_heads(what: str) -> list[Head]:
    return [Head(what, is_text=True), Head("what it is", is_text=True, wide=True), Head("entries")]


def _list_items(name: str, page: str, summary: str, entries: int) -> list[Item]:
    return [Item(name, href=page), Item(summary or "not part of robench"), Item(str(entries), order=entries)]


def _list_page(kind: str, lead: str, table: SortableTable) -> SitePage:
    return SitePage(
        path=f"{kind}.html",
        kicker=kind,
        title=kind.capitalize(),
        lead=[lead],
        sections=[Section("all", f"All {kind}", [table])],
        area=f"{kind}.html",
    )
