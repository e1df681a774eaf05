"""Load generators: closed loop, a fixed number of connections, each with one request at a time."""
