"""The choices that a question offers: what they are called, and which one a reply means."""


def letter(position: int) -> str:
    """The name of a choice by its place: ``a``, ``b``, ... ``z``, ``aa``, ``ab``, ..."""
    name = ""
    while position >= 0:
        position, last = divmod(position, 26)
        name = chr(ord("a") + last) + name
        position -= 1
    return name
