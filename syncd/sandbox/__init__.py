"""A local Flowtly and a demo ERP for trying mappings without risk; never part of a production path."""
