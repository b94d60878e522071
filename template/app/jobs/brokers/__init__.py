"""Message brokers that deliver job IDs to workers.

`app.jobs.broker` imports the broker that the service uses.
"""
