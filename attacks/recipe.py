"""Any recipe of the installed TextAttack, by the name of its class."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from robench import RobenchError
from robench.attacking import Attack, Victim
from robench.attacks.models import COMMITS, TAGGERS
from robench.resources import HUB_TIMEOUT, Resource, language_models, textattack_folder


@dataclass(frozen=True)
class Needs:
    """What a recipe takes beyond its code.

    Attributes:
        resources: what robench brings.
        models: language models, by their Hub ids.
        taggers: of Flair.
        files: what TextAttack fetches from its own server into its cache folder.
        package: a package that is not among robench's dependencies.
        refused: why it cannot attack a classifier that is only asked, where it cannot.
    """

    resources: tuple[Resource, ...] = ()
    models: tuple[str, ...] = ()
    taggers: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    package: str = ""
    refused: str = ""


_GRADIENT = "it needs the gradient of the victim, which a victim that is only asked does not give"
_GENERATOR = "its goal is the output of a model that writes text, not a wrong label"
_LANGUAGE = "it attacks {} texts with data that robench does not bring"

RECIPES = {
    "A2TYoo2021": Needs(("stopwords", "tagger", "word-vectors"), refused=f"{_GRADIENT}; a2t ranks without it"),
    "BAEGarg2019": Needs(("stopwords", "tagger", "sentence-encoder"), models=("bert-base-uncased",)),
    "BERTAttackLi2020": Needs(("stopwords", "sentence-encoder"), models=("bert-base-uncased",)),
    "BadCharacters2021": Needs(refused="it has no goal of its own, and none of those it takes is just a wrong label"),
    "CLARE2020": Needs(
        ("stopwords", "sentence-encoder"),
        models=("distilroberta-base",),
        taggers=("upos-fast",),
    ),
    "CheckList2020": Needs(taggers=("ner",)),
    "ChineseRecipe": Needs(refused=_LANGUAGE.format("Chinese")),
    "DeepWordBugGao2018": Needs(("stopwords",)),
    "FasterGeneticAlgorithmJia2019": Needs(
        ("stopwords", "word-vectors"),
        files=("constraints/grammaticality/language-models/learning-to-write",),
    ),
    "FrenchRecipe": Needs(("stopwords", "wordnet"), refused=_LANGUAGE.format("French")),
    "GeneticAlgorithmAlzantot2018": Needs(
        ("stopwords", "word-vectors"),
        files=("constraints/semantics/language-models/alzantot-goog-lm",),
        package="tensorflow",
    ),
    "HotFlipEbrahimi2017": Needs(("stopwords", "tagger", "word-vectors"), refused=_GRADIENT),
    "IGAWang2019": Needs(("stopwords", "word-vectors")),
    "InputReductionFeng2018": Needs(("stopwords",), refused="it shortens a text as long as the label stays right"),
    "Kuleshov2017": Needs(("stopwords", "word-vectors"), models=("gpt2",)),
    "LEAP2023": Needs(("stopwords", "wordnet")),
    "MorpheusTan2020": Needs(("stopwords",), refused=_GENERATOR),
    "PSOZang2020": Needs(
        ("stopwords",),
        taggers=("upos-fast",),
        files=("transformations/hownet/word_candidates_sense.pkl",),
    ),
    "PWWSRen2019": Needs(("stopwords", "wordnet")),
    "Pruthi2019": Needs(("stopwords",)),
    "Seq2SickCheng2018BlackBox": Needs(("stopwords", "word-vectors"), refused=_GENERATOR),
    "SpanishRecipe": Needs(("stopwords", "wordnet"), refused=_LANGUAGE.format("Spanish")),
    "TextBuggerLi2018": Needs(("stopwords", "word-vectors", "sentence-encoder")),
    "TextFoolerJin2019": Needs(("stopwords", "tagger", "word-vectors", "sentence-encoder")),
}
"""What is known of the recipes; one that is not here is taken to need all that robench can bring."""

_UNKNOWN = Needs(("stopwords", "wordnet", "tagger", "word-vectors", "sentence-encoder"))


@dataclass(frozen=True, kw_only=True)
class Recipe(Attack):
    """Any recipe of the installed TextAttack, by the name of its class: textattack:BAEGarg2019.

    The recipe as TextAttack builds it, but that its goal is always a wrong label (``Kuleshov2017`` is content with a
    probability below 0.7). Where an attack of robench's own stands for the same paper, that one has options.

    Attributes:
        recipe: name of its class.
    """

    argument: ClassVar[str] = "recipe"
    uses = ()

    recipe: str = field(default="")

    def __post_init__(self) -> None:
        """Refuse what TextAttack does not have."""
        super().__post_init__()
        if self.recipe not in self.members():
            raise ValueError(f"TextAttack has no recipe {self.recipe!r}; there are {', '.join(self.members())}")

    @classmethod
    def members(cls) -> list[str]:
        """Names of the recipes, read from TextAttack's source: importing it takes seconds."""
        found = importlib.util.find_spec("textattack")
        if found is None or found.origin is None:
            return sorted(RECIPES)
        file = Path(found.origin).parent / "attack_recipes" / "__init__.py"
        imports = [node for node in ast.parse(file.read_text("utf-8")).body if isinstance(node, ast.ImportFrom)]
        return sorted({alias.name for node in imports for alias in node.names} - {"AttackRecipe"})

    @property
    def needs(self) -> tuple[Resource, ...]:
        """The recipe's data, and the protocol's."""
        return tuple(dict.fromkeys((*self._needs.resources, *super().needs)))

    @property
    def _needs(self) -> Needs:
        return RECIPES.get(self.recipe, _UNKNOWN)

    def prepare(self, *, offline: bool = False) -> None:
        """Bring what the recipe needs; what cannot be had, or cannot attack a classifier, is said here."""
        if self._needs.refused:
            raise RobenchError(f"textattack:{self.recipe} does not attack classifiers here: {self._needs.refused}.")
        if self._needs.package and importlib.util.find_spec(self._needs.package) is None:
            raise RobenchError(
                f"textattack:{self.recipe} needs the package {self._needs.package}; install it beside robench."
            )
        try:
            for model in self._needs.models:
                language_models.prepare_language_model(model, COMMITS, offline=offline)
            for tagger in self._needs.taggers:
                language_models.prepare_flair_tagger(TAGGERS[tagger], offline=offline)
        except RobenchError as error:
            raise RobenchError(f"textattack:{self.recipe}: {error}") from error
        for file in self._needs.files:
            self._fetch(file, offline=offline)
        super().prepare(offline=offline)

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
            # This first question has a time-out; TextAttack's own has none.
            requests.head(s3_url(file), timeout=HUB_TIMEOUT).raise_for_status()
            download_from_s3(file)
        except Exception as error:  # it raises as it likes
            raise RobenchError(f"{missing}, and cannot be fetched ({type(error).__name__}).") from error

    def pins(self) -> dict[str, str]:
        """As every attack's, with its models and taggers; TextAttack's version stands for its own files."""
        asked = (*self._needs.models, *(TAGGERS[tagger] for tagger in self._needs.taggers))
        return super().pins() | {name: language_models.identify_language_model(name, COMMITS) for name in asked}

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack import attack_recipes
        from textattack.goal_functions import UntargetedClassification

        for tagger in self._needs.taggers:
            language_models.load_flair_tagger(tagger, TAGGERS[tagger])
        try:
            with language_models.link_model_folders(self._needs.models, COMMITS):
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
