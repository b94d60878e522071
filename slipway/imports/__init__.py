"""Read, rewrite, sort and resolve Python imports, without running code and with the standard library only."""
