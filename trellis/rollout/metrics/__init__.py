"""Counters of both sides: read from whoever counts, and turned into looks.

``port`` says what a source gives; ``scrape`` and ``prometheus`` are sources; ``looks`` is pure: what it
remembered and what was read now to one ``Look``.
"""
