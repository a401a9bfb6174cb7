"""The decision core: pure functions over frozen values. No I/O, clock, log or randomness ever."""
