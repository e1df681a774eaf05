"""What processes share that speak HTTP: the protocol below a server, the page of an API, and what is
sent to others: its signature, and the pauses between attempts.
"""
