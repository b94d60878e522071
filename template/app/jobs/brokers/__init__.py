"""Brokers: deliver job ids to workers. `app.jobs.broker` imports the one that the service uses."""
