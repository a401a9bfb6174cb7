"""The Flowtly connector: an API Platform server with IRIs, two envelopes, silent filters and no locks.

It never computes a URL from an IRI by plain resolution, and never takes silence (an empty page, an ignored filter, a
dropped field) for an answer.
"""
