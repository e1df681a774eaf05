"""The worker: takes jobs from Redis and asks the gateway's own application, in this process."""
