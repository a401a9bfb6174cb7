"""YAML to compiled lenses. Pure but for reading the file; knows no peer, no store and no clock."""
