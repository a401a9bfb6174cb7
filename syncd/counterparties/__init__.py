"""Finding duplicate counterparties: normalise, block, weigh the evidence, cluster, choose a survivor. Pure throughout."""
