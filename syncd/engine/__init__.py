"""The order of effects. Every decision is made in ``core``; this package only asks, commits, sends and settles."""
