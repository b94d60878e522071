"""Brokers: how job ids reach workers. `app.jobs.broker` imports the one that the service uses."""
