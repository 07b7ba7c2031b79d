"""One self-contained HTML page of a study: content (typed), words (plain sentences), html (the page)."""
