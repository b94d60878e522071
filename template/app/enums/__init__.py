"""The words that a field may be, for tables and schemas alike."""
