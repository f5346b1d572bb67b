"""CheckList: contractions, numbers, names and places that should not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from robench import RobenchError
from robench.attacking import Attack, Victim, option
from robench.resources import language_models

from .models import TAGGERS


@dataclass(frozen=True, kw_only=True)
class CheckList(Attack):
    """Contractions, numbers, names and places that should not matter (Ribeiro et al. 2020).

    "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList", its invariance tests. At each step, "is not" is
    contracted or "isn't" written out, a number becomes a near one, a person's name or a place another, drawn at random;
    the most damaging candidate is kept and extended. No word is changed twice. TextAttack's recipe ``CheckList2020``:
    the paper's other tests (typos, added phrases) are not in it.
    """

    uses = ()

    entities: Literal["flair", "none"] = option(
        "flair",
        "finder of names and places: flair, its named-entity tagger from the Hub (a pickled file of 400 MB), or none,"
        " which leaves them as they are",
    )

    @property
    def variant(self) -> str:
        """Return the variant of every attack, and that names and places stay."""
        added = [] if self.entities == "flair" else ["no names or places"]
        return ", ".join(filter(None, [super().variant, *added]))

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch the tagger, and then the rest."""
        if self.entities == "flair":
            try:
                language_models.prepare_flair_tagger(TAGGERS["ner"], offline=offline)
            except RobenchError as error:
                raise RobenchError(f"{error} Or leave names and places: --set checklist.entities=none.") from error
        super().prepare(offline=offline)

    def pins(self) -> dict[str, str]:
        """Return the pins of every attack, and of the tagger."""
        tagger = TAGGERS["ner"]
        return super().pins() | (
            {tagger: language_models.identify_language_model(tagger)} if self.entities == "flair" else {}
        )

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import CheckList2020
        from textattack.transformations import WordSwapChangeLocation, WordSwapChangeName

        built = CheckList2020.build(victim)
        if self.entities == "flair":
            language_models.load_flair_tagger("ner", TAGGERS["ner"])
        else:
            needing_tagger = (WordSwapChangeLocation, WordSwapChangeName)
            kept = [one for one in built.transformation.transformations if not isinstance(one, needing_tagger)]
            built.transformation.transformations = kept
        return built
