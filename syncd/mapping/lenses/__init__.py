"""Lenses: how a value reads on each side and how it is written back. One file per family; ``registry`` lists them."""
