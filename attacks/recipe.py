"""Any recipe of the installed TextAttack, by the name of its class."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from robench import RobenchError
from robench.attacking import Attack, Victim, option
from robench.resources import (
    HUB_TIMEOUT,
    ForeignFile,
    Resource,
    check_pin,
    language_models,
    load_pickles_plainly,
    parse_pin,
    textattack_folder,
)

from .models import COMMITS, TAGGERS, describe_tagger


@dataclass(frozen=True)
class Needs:
    """The data, models and packages that a recipe needs beyond its code.

    Attributes:
        resources: data that robench brings.
        models: language models, by their Hub ids.
        taggers: Flair's, by the names that TextAttack calls them.
        files: what TextAttack fetches from its own server into its cache folder.
        graph: the one of these files that is a TensorFlow graph, which can run any code.
        package: a package that is not among robench's dependencies.
        refusal: why it cannot attack a classifier that only answers queries; empty if it can.
    """

    resources: tuple[Resource, ...] = ()
    models: tuple[str, ...] = ()
    taggers: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    graph: str = ""
    package: str = ""
    refusal: str = ""


_GRADIENT = "it needs the gradient of the victim, which a victim that only answers queries does not give"
_GENERATOR = "its goal is the output of a model that writes text, not a wrong label"
_LANGUAGE = "it attacks {} texts with data that robench does not bring"

RECIPES = {
    "A2TYoo2021": Needs(("stopwords", "tagger", "word-vectors"), refusal=f"{_GRADIENT}; a2t ranks without it"),
    "BAEGarg2019": Needs(("stopwords", "tagger", "sentence-encoder"), models=("bert-base-uncased",)),
    "BERTAttackLi2020": Needs(("stopwords", "sentence-encoder"), models=("bert-base-uncased",)),
    "BadCharacters2021": Needs(refusal="it has no goal of its own, and none of those it takes is just a wrong label"),
    "CLARE2020": Needs(
        ("stopwords", "sentence-encoder"),
        models=("distilroberta-base",),
        taggers=("upos-fast",),
    ),
    "CheckList2020": Needs(taggers=("ner",)),
    "ChineseRecipe": Needs(refusal=_LANGUAGE.format("Chinese")),
    "DeepWordBugGao2018": Needs(("stopwords",)),
    "FasterGeneticAlgorithmJia2019": Needs(
        ("stopwords", "word-vectors"),
        files=("constraints/grammaticality/language-models/learning-to-write",),
    ),
    "FrenchRecipe": Needs(("stopwords", "wordnet"), refusal=_LANGUAGE.format("French")),
    "GeneticAlgorithmAlzantot2018": Needs(
        ("stopwords", "word-vectors"),
        files=("constraints/semantics/language-models/alzantot-goog-lm",),
        graph="constraints/semantics/language-models/alzantot-goog-lm/graph-2016-09-10-gpu.pbtxt",
        package="tensorflow",
    ),
    "HotFlipEbrahimi2017": Needs(("stopwords", "tagger", "word-vectors"), refusal=_GRADIENT),
    "IGAWang2019": Needs(("stopwords", "word-vectors")),
    "InputReductionFeng2018": Needs(("stopwords",), refusal="it shortens a text as long as the label stays right"),
    "Kuleshov2017": Needs(("stopwords", "word-vectors"), models=("gpt2",)),
    "LEAP2023": Needs(("stopwords", "wordnet")),
    "MorpheusTan2020": Needs(("stopwords",), refusal=_GENERATOR),
    "PSOZang2020": Needs(
        ("stopwords",),
        taggers=("upos-fast",),
        files=("transformations/hownet/word_candidates_sense.pkl",),
    ),
    "PWWSRen2019": Needs(("stopwords", "wordnet")),
    "Pruthi2019": Needs(("stopwords",)),
    "Seq2SickCheng2018BlackBox": Needs(("stopwords", "word-vectors"), refusal=_GENERATOR),
    "SpanishRecipe": Needs(("stopwords", "wordnet"), refusal=_LANGUAGE.format("Spanish")),
    "TextBuggerLi2018": Needs(("stopwords", "word-vectors", "sentence-encoder")),
    "TextFoolerJin2019": Needs(("stopwords", "tagger", "word-vectors", "sentence-encoder")),
}
"""What each recipe needs; a recipe that is not here is taken to need all that robench can bring."""

_UNKNOWN = Needs(("stopwords", "wordnet", "tagger", "word-vectors", "sentence-encoder"))


@dataclass(frozen=True, kw_only=True)
class Recipe(Attack):
    """Any recipe of the installed TextAttack, by the name of its class: textattack:BAEGarg2019.

    The recipe as TextAttack builds it, except that its goal is always a wrong label (``Kuleshov2017`` accepts a
    probability below 0.7). If robench has an attack of its own for the same paper, that one has options.
    """

    argument: ClassVar[str] = "recipe"
    uses = ()

    recipe: str = option("", "name of the recipe's class in TextAttack")
    pin: str = option(
        "",
        "pin of the recipe's file that can run any code, if it has one: COMMIT:SHA256 of flair's tagger on the Hub, or"
        " the SHA256 of a TensorFlow graph",
    )

    def __post_init__(self) -> None:
        """Reject a name that TextAttack does not have, and a pin of another form."""
        super().__post_init__()
        if self.recipe not in self.members():
            raise ValueError(f"TextAttack has no recipe {self.recipe!r}; there are {', '.join(self.members())}")
        if self.pin and not self.foreign_files:
            raise ValueError("it loads no file that can run code, so there is nothing to pin")

    @classmethod
    def members(cls) -> list[str]:
        """Read the names of the recipes from TextAttack's source, because importing it takes seconds."""
        found = importlib.util.find_spec("textattack")
        if found is None or found.origin is None:
            return sorted(RECIPES)
        file = Path(found.origin).parent / "attack_recipes" / "__init__.py"
        imports = [node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
        return sorted({alias.name for node in imports for alias in node.names} - {"AttackRecipe"})

    @property
    def needs(self) -> tuple[Resource, ...]:
        """Return the data that the recipe and the protocol need."""
        return tuple(dict.fromkeys((*self._needs.resources, *super().needs)))

    @property
    def _needs(self) -> Needs:
        return RECIPES.get(self.recipe, _UNKNOWN)

    @property
    def foreign_files(self) -> tuple[ForeignFile, ...]:
        """Return the tagger or the graph of the recipe; none has both."""
        needs, setting = self._needs, f"textattack:{self.recipe}.pin"
        taggers = tuple(describe_tagger(tagger, self.pin, setting) for tagger in needs.taggers)
        if not needs.graph:
            return taggers
        remedy = f"Pin the file that you trust with --set {setting}=SHA256."
        title = f"{needs.graph.rpartition('/')[2]} from TextAttack's server (a TensorFlow graph)"
        return (*taggers, ForeignFile(title, parse_pin(self.pin, "pin", on_hub=False), remedy))

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch what the recipe needs.

        Raises:
            RobenchError: something is not available, or the recipe does not attack classifiers.
        """
        if self._needs.refusal:
            raise RobenchError(f"textattack:{self.recipe} does not attack classifiers here: {self._needs.refusal}.")
        if self._needs.package and importlib.util.find_spec(self._needs.package) is None:
            raise RobenchError(
                f"textattack:{self.recipe} needs the package {self._needs.package}; install it beside robench."
            )
        try:
            for model in self._needs.models:
                language_models.prepare_language_model(model, COMMITS, offline=offline)
            for tagger, file in zip(self._needs.taggers, self.foreign_files, strict=False):
                language_models.prepare_flair_tagger(TAGGERS[tagger], file.pin, offline=offline)
        except RobenchError as error:
            raise RobenchError(f"textattack:{self.recipe}: {error}") from error
        for name in self._needs.files:
            self._fetch(name, offline=offline)
        self._check_graph()
        super().prepare(offline=offline)

    def _check_graph(self) -> None:
        if self._needs.graph:
            (file,) = self.foreign_files
            check_pin(f"textattack:{self.recipe}: {file.title}", textattack_folder() / self._needs.graph, file.pin)

    def _fetch(self, file: str, *, offline: bool) -> None:
        if (textattack_folder() / file).exists():
            return
        missing = f"textattack:{self.recipe} needs {file} from TextAttack's server, which is not in robench's cache"
        if offline:
            raise RobenchError(f"{missing}, and --offline is set: run once with a network.")
        from robench.resources import load_textattack

        load_textattack(offline=offline)
        import requests
        from textattack.shared.utils import download_from_s3, s3_url

        try:
            # This request has a time-out; TextAttack's own has none.
            requests.head(s3_url(file), timeout=HUB_TIMEOUT).raise_for_status()
            download_from_s3(file)
        except Exception as error:  # its errors are of any class
            raise RobenchError(f"{missing}, and cannot be fetched ({type(error).__name__}).") from error

    def pins(self) -> dict[str, str]:
        """Return the pins of every attack, of models and of foreign files; TextAttack's version stands for the rest."""
        models = {name: language_models.identify_language_model(name, COMMITS) for name in self._needs.models}
        return super().pins() | models | {file.title: file.pin.sha256 for file in self.foreign_files}

    def identity(self) -> dict[str, object]:
        """Return the identity of every attack; the pin is among the resources."""
        identity = super().identity()
        fields = identity["fields"]
        assert isinstance(fields, dict)
        return identity | {"fields": {name: value for name, value in fields.items() if name != "pin"}}

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack import attack_recipes
        from textattack.goal_functions import UntargetedClassification
        from textattack.transformations.word_swaps import word_swap_hownet

        for tagger, file in zip(self._needs.taggers, self.foreign_files, strict=False):
            language_models.load_flair_tagger(tagger, TAGGERS[tagger], file.pin)
        self._check_graph()
        try:
            with (
                language_models.link_model_folders(self._needs.models, COMMITS),
                load_pickles_plainly(word_swap_hownet),
            ):
                built = getattr(attack_recipes, self.recipe).build(victim)
        except Exception as error:  # missing packages, servers that do not answer, victims without gradients
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise RobenchError(f"textattack:{self.recipe} cannot be built: {reason[:200]}.") from error
        goal = built.goal_function
        if type(goal) is not UntargetedClassification:
            raise RobenchError(
                f"textattack:{self.recipe} does not attack classifiers: {type(goal).__name__} is its goal."
            )
        goal.target_max_score = None
        return built
