"""Allocations in the engine: postings become wanted parts, parts become links, and both sides' sums are compared."""
