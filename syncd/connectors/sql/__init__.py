"""Any database SQLAlchemy speaks, as a peer: tables to read and write, named queries to read."""
