"""Real peers and servers for the tests."""
