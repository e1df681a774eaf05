"""The cache of predictions: whole answers by model, version, fingerprint and input, in Redis.

It may forget at any time and is never asked to remember: without its Redis every request is
computed. An answer is only ever that of the version that the request was assigned to.

::

    key = cache.key(target, Input(kind, headers, query, body), request_id, rules.cache_seconds)
    answer, outcome = await cache.answer(target, key, compute)

``compute`` sends ``key.body`` and gives the predictor's status, headers and body as they came,
the ones that name version and revision included: they decide whether it may be kept.
"""
