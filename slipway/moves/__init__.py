"""Find moved files, modules and names, which a release declares or the rename of a resource or field causes."""
