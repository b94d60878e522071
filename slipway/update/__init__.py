"""The stages of an update: propose the merge, prepare and check it in a work tree, and apply it or recover."""
