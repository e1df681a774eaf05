"""The documents that the processes exchange, as types with JSON Schema.

Pure data: no I/O, no clock, nothing of any one process.
"""
