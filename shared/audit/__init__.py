"""Who read and changed whose what: an append-only record, chained so that what is missing or changed shows."""
