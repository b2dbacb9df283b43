"""What base and data allow, as their own cards say it, and what follows for a model made from both.

Words for a person to check, not legal advice: only licences whose terms are plain are judged, all others are named.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml

from wingman.lab.data.model import Finding

# Allow any use and any licence for what is made, as long as the source is named.
_PERMISSIVE = frozenset(
    "mit apache-2.0 bsd bsd-2-clause bsd-3-clause isc zlib unlicense cc0-1.0 cc-by-3.0 cc-by-4.0 "
    "pddl odc-by cdla-permissive-1.0 cdla-permissive-2.0 wtfpl afl-3.0 ms-pl".split()
)
_NO_COMMERCE = ("cc-by-nc",)
_NO_DERIVATIVES = ("cc-by-nd", "cc-by-nc-nd")
_SAME_AGAIN = ("cc-by-sa", "cc-by-nc-sa", "gpl", "agpl", "lgpl")


@dataclass(frozen=True)
class Licences:
    """The identifiers that the cards of base and data state; None where there is no card, or it states none."""

    base: str | None = None
    data: str | None = None

    @property
    def of_the_model(self) -> str | None:
        """The licence the model may carry without a second thought: the base's own, where both are permissive."""
        both = {self.base, self.data}
        return self.base if None not in both and both <= _PERMISSIVE else None

    @property
    def in_words(self) -> str:
        """One or two sentences for the card."""
        named = f"The base model is under {_named(self.base)}, the data under {_named(self.data)}."
        if self.of_the_model:
            return f"{named} Both may be used and built upon freely, so this model is under `{self.base}` too."
        return f"{named} Their terms apply to what is made from them; set `license` above once you have checked both."


def _named(licence: str | None) -> str:
    return f"`{licence}`" if licence else "no licence that is stated"


def licence_of_card(text: str) -> str | None:
    """The `license` of a card's front matter, lower-cased; None where it states none (or "unknown").

    >>> licence_of_card("---\\nlicense: Apache-2.0\\n---\\n# A model")
    'apache-2.0'
    """
    before, _, rest = text.partition("---\n")
    front_matter, end, _ = rest.partition("\n---")
    if before.strip() or not end:
        return None
    try:
        # Its nodes, not its values: cards come from strangers, and a few lines of merges make values without end.
        root = yaml.compose(front_matter, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    stated = next((value for key, value in pairs if key.value == "license"), None)
    if isinstance(stated, yaml.SequenceNode):
        stated = stated.value[0] if len(stated.value) == 1 else None
    if not isinstance(stated, yaml.ScalarNode) or stated.tag != "tag:yaml.org,2002:str":
        return None
    return None if stated.value.lower() == "unknown" else stated.value.lower()


def read_licence(folder: Path) -> str | None:
    """What the card in the folder of a repository states."""
    card = folder / "README.md"
    return licence_of_card(card.read_text("utf-8", "replace")) if card.is_file() else None


def check_licences(licences: Licences) -> list[Finding]:
    """What a person should know before a model is made from the two, let alone published."""
    findings = []
    for whose, licence in (("base model", licences.base), ("data", licences.data)):
        if licence is None:
            continue
        if licence.startswith(_NO_DERIVATIVES):
            message = f"The {whose} is under {licence}, which forbids publishing what is made from it."
            findings.append(Finding("licence", "warning", message, "Keep the model to yourself: --no-publish"))
        elif licence.startswith(_NO_COMMERCE):
            message = f"The {whose} is under {licence}: what is made from it may not be used commercially."
            findings.append(Finding("licence", "warning", message, "Say so wherever the model is used."))
        elif licence.startswith(_SAME_AGAIN):
            message = f"The {whose} is under {licence}: what is made from it may have to carry the same licence."
            findings.append(Finding("licence", "info", message))
    return findings
