"""The files connector: metadata and content of records as files in a folder or an object store, named by a pattern."""
