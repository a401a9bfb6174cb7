"""What the API can do besides listing, creating, reading, changing and deleting: one file a subject.

``catalogue`` lists every action. None of them leaves this machine: what a real Flowtly would send goes to ``outbox``.
"""
