"""Stages of an update: propose the merge, prepare and check it in a work tree, then apply it or recover."""
