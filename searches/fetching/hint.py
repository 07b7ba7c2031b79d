"""The end of a message about missing data: which command gets them."""

from __future__ import annotations


def fetch_hint(layout: str | None = None) -> str:
    """Returns how to get a data set that ``layout`` reads; any data set where the layout is not known.

    >>> fetch_hint("segnet")
    "; 'archspace data fetch camvid' gets it"
    """
    from searches.fetching.catalogue import read_catalogue

    if layout is None:
        return "; 'archspace data fetch --list' shows the data sets that it can get"
    names = [name for name, data in read_catalogue().items() if layout in data.layouts and data.files]
    if not names:
        return ""
    if len(names) == 1:
        return f"; 'archspace data fetch {names[0]}' gets it"
    return f"; 'archspace data fetch NAME' gets {', '.join(names[:-1])} or {names[-1]}"
