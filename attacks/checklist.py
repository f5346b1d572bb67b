"""CheckList: contractions, numbers, names and places that should not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from robench import RobenchError
from robench.attacking import Attack, Victim, option
from robench.resources import ForeignFile, language_models

from .models import TAGGERS, describe_tagger


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
    tagger_pin: str = option("", "pin of flair's tagger, which can run any code: COMMIT:SHA256 of its file on the Hub")

    def __post_init__(self) -> None:
        """Reject a pin of another form."""
        super().__post_init__()
        self._tagger  # noqa: B018  # raises if the pin is none

    @property
    def _tagger(self) -> ForeignFile:
        alternative = "Or leave names and places as they are: --set checklist.entities=none."
        return describe_tagger("ner", self.tagger_pin, "checklist.tagger_pin", alternative)

    @property
    def foreign_files(self) -> tuple[ForeignFile, ...]:
        """Return the tagger, unless it is not used."""
        return (self._tagger,) if self.entities == "flair" else ()

    @property
    def variant(self) -> str:
        """Return the variant of every attack, and that names and places stay."""
        added = [] if self.entities == "flair" else ["no names or places"]
        return ", ".join(filter(None, [super().variant, *added]))

    def prepare(self, *, offline: bool = False) -> None:
        """Fetch the tagger, and then the rest."""
        if self.entities == "flair":
            try:
                language_models.prepare_flair_tagger(TAGGERS["ner"], self._tagger.pin, offline=offline)
            except RobenchError as error:
                raise RobenchError(f"{error} Or leave names and places: --set checklist.entities=none.") from error
        super().prepare(offline=offline)

    def pins(self) -> dict[str, str]:
        """Return the pins of every attack, and of the tagger."""
        return super().pins() | ({TAGGERS["ner"]: self._tagger.pin.sha256} if self.entities == "flair" else {})

    def identity(self) -> dict[str, object]:
        """Return the identity of every attack; the tagger's pin is among the resources."""
        identity = super().identity()
        fields = identity["fields"]
        assert isinstance(fields, dict)
        return identity | {"fields": {name: value for name, value in fields.items() if name != "tagger_pin"}}

    def build(self, victim: Victim) -> Any:
        """Build the recipe on ``victim``."""
        from textattack.attack_recipes import CheckList2020
        from textattack.transformations import WordSwapChangeLocation, WordSwapChangeName

        built = CheckList2020.build(victim)
        if self.entities == "flair":
            language_models.load_flair_tagger("ner", TAGGERS["ner"], self._tagger.pin)
        else:
            needing_tagger = (WordSwapChangeLocation, WordSwapChangeName)
            kept = [one for one in built.transformation.transformations if not isinstance(one, needing_tagger)]
            built.transformation.transformations = kept
        return built
