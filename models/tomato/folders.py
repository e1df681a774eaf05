"""The folders in which copies of PlantVillage keep their pictures."""

from models.pictures import plain
from models.tomato.leaves import LABELS

_SPIDER_MITES = "Spider_mites Two-spotted_spider_mite"


def folder_names() -> dict[str, int]:
    """Plain folder name to label index, in the spellings that copies of the data set use."""
    names: dict[str, int] = {}
    for index, label in enumerate(LABELS):
        for spelling in (label, _SPIDER_MITES) if label == "Spider_mites" else (label,):
            for prefix in ("", "Tomato___", "Tomato___Tomato_"):
                names[plain(prefix + spelling)] = index
    return names
