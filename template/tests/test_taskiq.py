"""What only Taskiq does: a stream of Valkey's, from which a worker that is gone takes nothing."""
