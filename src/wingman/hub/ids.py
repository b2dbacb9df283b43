"""Row ids on the wire: 24 hexadecimal digits, as clients of the Hub know object ids."""


def wire_id(number: int) -> str:
    """
    >>> wire_id(255)
    '0000000000000000000000ff'
    """
    return f"{number:024x}"


def number_of(text: str) -> int | None:
    """The row id, or None for a text that is none.

    >>> number_of("0000000000000000000000ff"), number_of("main")
    (255, None)
    """
    try:
        number = int(text, 16)
    except ValueError:
        return None
    return number if 0 <= number < 1 << 63 else None
