"""Finding, merging and following duplicate counterparties: the order of effects. Decides through ``counterparties``."""
