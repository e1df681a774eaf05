"""Names and sentences as people write them."""


def title(name: str) -> str:
    """A name as people write it: ``Early_blight`` to ``Early blight``."""
    return " ".join(name.replace("_", " ").split())


def sentence(words: str) -> str:
    """An error's words as a sentence of their own."""
    return f"{words[:1].upper()}{words[1:]}." if words else ""
