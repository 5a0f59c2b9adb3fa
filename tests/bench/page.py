"""The table of the last run, in the page that shows it."""

BEGIN, END = "<!-- what `make bench` measured last -->", "<!-- until here -->"


def replaced(page: str, text: str) -> str:
    """A page with *text* between its two marks; raises ValueError for a page without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page lacks {BEGIN} or {END}.")
    return f"{before}{BEGIN}\n\n{text}\n{END}{after}"


def shown(page: str) -> str:
    """What lies between the two marks."""
    return page.partition(BEGIN)[2].partition(END)[0]
