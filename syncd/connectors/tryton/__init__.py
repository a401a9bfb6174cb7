"""Tryton over JSON-RPC, 7.0 to 8.2: parties with their first address, tax number and contact mechanisms, flat."""
