"""Which budget a posting lands on, and whether the totals agree. Pure: no I/O, no clock, no configuration file.

Amounts are whole minor units of their currency (cents; yen for JPY). A cost is positive, a reversal negative.
"""
