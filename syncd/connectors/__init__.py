"""Connectors: one peer, one place. A connector speaks in ``syncd.ports`` and raises ``syncd.errors``, nothing else.

Nothing here decides what to synchronise, and no connector knows another one.
"""
