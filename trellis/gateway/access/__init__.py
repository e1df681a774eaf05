"""Who may ask, for what, and how often: API keys, OIDC tokens and token buckets.

``admission.Access`` is asked once a request; ``callers`` has what it answers with.
"""
