"""The command line: one file a command group. Parses, calls, prints; decides nothing."""
