"""Finding duplicate counterparties: normalise, block, weigh evidence, cluster, choose a survivor. Pure throughout."""
