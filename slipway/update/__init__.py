"""Stages of an update: propose, prepare and check in a work tree, then write the files, or recover."""
