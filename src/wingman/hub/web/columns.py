"""What a column of a table holds, in a line."""

from wingman.hub.viewer.model import ColumnFacts

_MIDNIGHT = " 00:00:00"


def describe_column(column: ColumnFacts) -> str:
    """A column in one line.

    >>> describe_column(ColumnFacts("n", "BIGINT", "number", {"missing": 0, "min": 1, "max": 9, "mean": 4.5}))
    '1 to 9, mean 4.5'
    """
    facts, said = column.facts, []
    if "min" in facts and column.kind == "number":
        said.append(f"{_figure(facts['min'])} to {_figure(facts['max'])}")
        said.append(f"mean {_figure(facts['mean'])}")
    elif "min" in facts:
        ends = [str(facts["min"]), str(facts["max"])]
        # Dates are read as moments at midnight.
        if all(end.endswith(_MIDNIGHT) for end in ends):
            ends = [end.removesuffix(_MIDNIGHT) for end in ends]
        said.append(" to ".join(ends))
    elif "length_min" in facts:
        said.append(f"{facts['length_min']:,.0f} to {facts['length_max']:,.0f} characters")
    if column.bars_of == "values" and column.bars:
        said.append(_most_frequent(column))
    if "distinct" in facts and column.kind == "text":
        said.append(f"{'' if facts['is_distinct_exact'] else 'about '}{facts['distinct']:,} different")
    if facts.get("missing"):
        said.append(f"{facts['missing']:,} missing")
    return ", ".join(said)


def _most_frequent(column: ColumnFacts) -> str:
    total, top = sum(bar["count"] for bar in column.bars), column.bars[0]
    return f"{100 * top['count'] / (total or 1):.0f} % {str(top['label'])[:24]}"


def _figure(number: float) -> str:
    """
    >>> _figure(9999999.0), _figure(0.123456789), _figure(1e300)
    ('9,999,999', '0.1235', '1e+300')
    """
    is_plain = abs(number) < 1e15 and (abs(number) >= 1000 or number == round(number))
    return f"{number:,.0f}" if is_plain else f"{number:,.4g}"
