"""Three-way merge of trees, and its verification before it is accepted."""
